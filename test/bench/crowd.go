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

// crowdComparisons compares attachments per second of a crowd.
func crowdComparisons(b *bench, found *report) error {
	pods, err := newPods(b.crowd)
	if err != nil {
		return err
	}
	defer closePods(pods)
	add := job{verb: "ADD", subnet: ipv4}
	what := fmt.Sprintf("%d ADDs at a time, host-local IPv4", b.crowd)
	for _, c := range []comparison{
		{what, add, b.programs.tap, b.programs.reference, b.rounds, atLeast(2.5)},
		{what, add, b.programs.hostLocal, b.programs.reference, b.rounds, target{}},
	} {
		row, err := b.compareCrowds(c, pods)
		if err != nil {
			return err
		}
		found.compared = append(found.compared, row)
	}
	return nil
}

func (b *bench) compareCrowds(c comparison, pods []*pod) (compared, error) {
	first, second := b.newCrowd(c.first, pods), b.newCrowd(c.second, pods)
	firsts, seconds, err := runPairs(b, c.name(), c.pairs,
		func() (round, error) { return first.measure(c.job) },
		func() (round, error) { return second.measure(c.job) })
	if err != nil {
		return compared{}, err
	}
	return c.row(rates(firsts), rates(seconds), "per s"), nil
}
