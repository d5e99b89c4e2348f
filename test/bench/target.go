package main

import (
	"fmt"

	"tap/test/measure"
)

// target is what a comparison is to show. The zero target is none.
type target struct {
	text string
	met  func(measure.Estimate) bool
}

func atMost(limit float64) target {
	return target{fmt.Sprintf("at most %g", limit), func(e measure.Estimate) bool { return e.Median <= limit }}
}

func atLeast(limit float64) target {
	return target{fmt.Sprintf("at least %g", limit), func(e measure.Estimate) bool { return e.Median >= limit }}
}

// notSlower is met unless the measurement shows that the first one is slower.
func notSlower() target {
	return target{"not slower", func(e measure.Estimate) bool { return e.Low < 1 }}
}

// verdict is what the table says of the target.
func (t target) verdict(e measure.Estimate) string {
	if t.met == nil {
		return ""
	}
	return verdict(t.met(e))
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}
