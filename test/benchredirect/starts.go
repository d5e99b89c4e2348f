package main

import (
	"errors"
	"fmt"
	"time"

	"tap/test/measure"
	"tap/test/standin"
)

// start is what attaching and detaching took, in milliseconds.
type start struct{ add, del float64 }

// starts measures the two plugins themselves, where both are there.
func (b *bench) starts(found *report) error {
	if found.lacks("tc-redirect-tap") {
		return nil
	}
	ours, err := newSite()
	if err != nil {
		return err
	}
	theirs, err := newSite()
	if err != nil {
		return errors.Join(err, ours.close())
	}
	attach := func(plugin *standin.Attachment) func() (start, error) {
		return func() (start, error) { return attachAndDetach(plugin) }
	}
	costs, err := measure.Turns(b.ctx, b.out, "ADD and DEL", b.rounds,
		attach(pluginOf(b.ctx, b.bin, ours)), attach(otherPluginOf(b.ctx, b.bin, theirs)))
	if err := errors.Join(err, ours.close(), theirs.close()); err != nil {
		return err
	}
	for _, verb := range []struct {
		name string
		of   func(start) float64
	}{{"ADD", func(s start) float64 { return s.add }}, {"DEL", func(s start) float64 { return s.del }}} {
		first, second := numbers(costs[0], verb.of), numbers(costs[1], verb.of)
		found.starts = append(found.starts, started{
			verb: verb.name, ratio: measure.EstimateMedian(measure.Ratios(first, second)),
			ours: measure.Summarize(first), theirs: measure.Summarize(second),
		})
	}
	return nil
}

func numbers(costs []start, of func(start) float64) []float64 {
	var all []float64
	for _, c := range costs {
		all = append(all, of(c))
	}
	return all
}

// attachAndDetach leaves prevResult as it was.
func attachAndDetach(a *standin.Attachment) (start, error) {
	before := a.Conf["prevResult"]
	defer func() { a.Conf["prevResult"] = before }()
	began := time.Now()
	if _, err := a.Add(); err != nil {
		return start{}, err
	}
	added := time.Now()
	if _, err := a.Run("DEL"); err != nil {
		return start{}, fmt.Errorf("after a successful ADD: %w", err)
	}
	return start{added.Sub(began).Seconds() * 1000, time.Since(added).Seconds() * 1000}, nil
}
