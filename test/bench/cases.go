package main

import "tap/test/measure"

// comparison is a job that two programs do beside each other.
type comparison struct {
	what          string
	job           job
	first, second program
	pairs         int
	target        target // of the ratio first / second
}

// compared is what a comparison has shown.
type compared struct {
	comparison

	ratio measure.Estimate
	unit  string // of the numbers of both
	a, b  measure.Summary
}

func (b *bench) comparisons() []comparison {
	tap, reference, empty, hostLocal := b.programs.tap, b.programs.reference, b.programs.empty, b.programs.hostLocal
	add := func(subnet string) job { return job{verb: "ADD", subnet: subnet} }
	del := func(subnet string) job { return job{verb: "DEL", subnet: subnet} }
	return []comparison{
		{"VERSION", job{verb: "VERSION"}, tap, empty, b.pairs, atMost(1.4)},
		{"VERSION", job{verb: "VERSION"}, tap, reference, b.pairs, target{}},
		{"ADD, no IPAM", add(noIPAM), tap, empty, b.pairs, atMost(1.6)},
		{"ADD, no IPAM", add(noIPAM), tap, reference, b.pairs, atMost(0.36)},
		{"ADD, no IPAM, owner and group", job{verb: "ADD", owned: true}, tap, reference, b.pairs, target{}},
		{"ADD, host-local IPv4", add(ipv4), tap, reference, b.pairs, atMost(0.45)},
		{"ADD, host-local IPv4", add(ipv4), hostLocal, reference, b.pairs, target{}},
		{"ADD, host-local IPv6", add(ipv6), tap, reference, b.slow, atMost(0.005)},
		{"DEL, no IPAM", del(noIPAM), tap, reference, b.pairs, notSlower()},
		{"DEL, host-local IPv4", del(ipv4), tap, reference, b.pairs, atMost(0.8)},
	}
}

// comparisons runs the pairs of all cases.
func comparisons(b *bench, found *report) error {
	for _, c := range b.comparisons() {
		row, err := b.compare(c)
		if err != nil {
			return err
		}
		found.compared = append(found.compared, row)
	}
	return nil
}

func (b *bench) compare(c comparison) (compared, error) {
	pods, err := newPods(2)
	if err != nil {
		return compared{}, err
	}
	defer closePods(pods)
	first, second := b.newContender(c.first, pods[0], "a"), b.newContender(c.second, pods[1], "b")

	firsts, seconds, err := runPairs(b, c.name(), c.pairs,
		func() (sample, error) { return first.measure(c.job) },
		func() (sample, error) { return second.measure(c.job) })
	if err != nil {
		return compared{}, err
	}
	return c.row(milliseconds(firsts), milliseconds(seconds), "ms"), nil
}

func (c comparison) name() string { return c.what + ": " + c.first.name + " / " + c.second.name }

// row sums up the numbers of all pairs.
func (c comparison) row(firsts, seconds []float64, unit string) compared {
	return compared{
		comparison: c, unit: unit, ratio: measure.EstimateMedian(measure.Ratios(firsts, seconds)),
		a: measure.Summarize(firsts), b: measure.Summarize(seconds),
	}
}
