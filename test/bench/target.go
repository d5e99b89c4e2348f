package main

import "fmt"

// target is what a comparison is to show. The zero target is none.
type target struct {
	text string
	met  func(estimate) bool
}

func atMost(limit float64) target {
	return target{fmt.Sprintf("at most %g", limit), func(e estimate) bool { return e.median <= limit }}
}

func atLeast(limit float64) target {
	return target{fmt.Sprintf("at least %g", limit), func(e estimate) bool { return e.median >= limit }}
}

// notSlower is met unless the measurement shows that the first one is slower.
func notSlower() target {
	return target{"not slower", func(e estimate) bool { return e.low < 1 }}
}

// verdict is what the table says of the target.
func (t target) verdict(e estimate) string {
	if t.met == nil {
		return ""
	}
	return verdict(t.met(e))
}
