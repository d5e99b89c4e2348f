package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// crowd is one program in many pods, which all attach at a time.
type crowd []*contender

// newCrowd gives a program the pods. host-local has one store for all of them, as on a node.
func (b *bench) newCrowd(p program, pods []*pod) crowd {
	var all crowd
	for i, pod := range pods {
		c := b.newContender(p, pod, fmt.Sprintf("c%d", i))
		if i > 0 {
			c.store = all[0].store
		}
		all = append(all, c)
	}
	return all
}

// round is what attaching a crowd has cost.
type round struct {
	samples []sample
	span    time.Duration // from the first start to the last end
}

// rate is how many attachments a second are made.
func (r round) rate() float64 { return float64(len(r.samples)) / r.span.Seconds() }

// rates are the rates of some rounds.
func rates(rounds []round) []float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, r.rate())
	}
	return all
}

// measure lets all do a job at a time. All have to succeed.
func (all crowd) measure(j job) (round, error) {
	var inputs []*os.File
	defer func() {
		for _, file := range inputs {
			file.Close()
		}
	}()
	for _, c := range all {
		stdin, err := c.prepare(j)
		if err != nil {
			return round{}, err
		}
		inputs = append(inputs, stdin)
	}
	r, err := all.executeAtOnce(j, inputs)
	if err != nil {
		return round{}, err
	}
	for _, c := range all {
		if err := c.clean(j); err != nil {
			return round{}, err
		}
	}
	return r, nil
}

func (all crowd) executeAtOnce(j job, inputs []*os.File) (round, error) {
	samples, errs := make([]sample, len(all)), make([]error, len(all))
	start := make(chan struct{})
	var running sync.WaitGroup
	for i, c := range all {
		running.Go(func() {
			<-start
			samples[i], _, errs[i] = c.execute(j.verb, inputs[i])
		})
	}
	began := time.Now()
	close(start)
	running.Wait()
	return round{samples, time.Since(began)}, errors.Join(errs...)
}

// crowdComparison compares attachments per second of a crowd.
func crowdComparison(b *bench, found *report) error {
	pods, err := newPods(b.crowd)
	if err != nil {
		return err
	}
	defer closePods(pods)
	add := job{verb: "ADD", subnet: ipv4}
	taps, references := b.newCrowd(b.programs.tap, pods), b.newCrowd(b.programs.reference, pods)

	what := fmt.Sprintf("%d ADDs at a time, host-local IPv4", b.crowd)
	ours, theirs, err := runPairs(b, what, b.rounds,
		func() (round, error) { return taps.measure(add) },
		func() (round, error) { return references.measure(add) })
	if err != nil {
		return err
	}
	x, y := rates(ours), rates(theirs)
	found.compared = append(found.compared, compared{
		what: what, first: taps[0].name, second: references[0].name, unit: "per s",
		ratio: estimateMedian(ratios(x, y)), target: atLeast(2.5), a: summarize(x), b: summarize(y), pairs: b.rounds,
	})
	return nil
}
