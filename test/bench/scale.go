package main

import (
	"fmt"

	"tap/test/measure"
)

// point is what both plugins cost at one place of a scale.
type point struct {
	at                     int
	tap, reference         measure.Summary // milliseconds of one ADD
	tapRate, referenceRate float64         // attachments per second, on the scale of crowds
}

// tapScale measures an ADD in a pod that has taps already.
func tapScale(b *bench, found *report) error {
	pods, err := newPods(1)
	if err != nil {
		return err
	}
	defer closePods(pods)
	pod, add := pods[0], job{verb: "ADD"}
	tap, reference := b.newContender(b.programs.tap, pod, "s"), b.newContender(b.programs.reference, pod, "s")

	there := 0
	for _, n := range b.taps {
		if err := pod.fill(there, n); err != nil {
			return err
		}
		there = n
		ours, theirs, err := runPairs(b, fmt.Sprintf("ADD, no IPAM, taps in the pod: %d", n), b.pairs,
			func() (sample, error) { return tap.measure(add) },
			func() (sample, error) { return reference.measure(add) })
		if err != nil {
			return err
		}
		found.taps = append(found.taps, point{
			at: n, tap: measure.Summarize(milliseconds(ours)), reference: measure.Summarize(milliseconds(theirs)),
		})
	}
	return nil
}

// crowdScale measures ADDs at a time, each in a pod of its own.
func crowdScale(b *bench, found *report) error {
	pods, err := newPods(b.crowds[len(b.crowds)-1])
	if err != nil {
		return err
	}
	defer closePods(pods)
	add := job{verb: "ADD"}
	for _, n := range b.crowds {
		taps, references := b.newCrowd(b.programs.tap, pods[:n]), b.newCrowd(b.programs.reference, pods[:n])
		rounds := max(b.pairs/n, min(b.pairs, b.rounds)) // a round has n samples
		ours, theirs, err := runPairs(b, fmt.Sprintf("%d ADDs at a time, no IPAM", n), rounds,
			func() (round, error) { return taps.measure(add) },
			func() (round, error) { return references.measure(add) })
		if err != nil {
			return err
		}
		found.crowds = append(found.crowds, point{
			at: n, tap: measure.Summarize(milliseconds(together(ours))), reference: measure.Summarize(milliseconds(together(theirs))),
			tapRate: measure.Median(rates(ours)), referenceRate: measure.Median(rates(theirs)),
		})
	}
	return nil
}

// together are the samples of all rounds.
func together(rounds []round) []sample {
	var all []sample
	for _, r := range rounds {
		all = append(all, r.samples...)
	}
	return all
}
