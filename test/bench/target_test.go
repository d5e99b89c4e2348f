package main

import (
	"testing"

	"tap/test/measure"
)

func TestTargetVerdict(t *testing.T) {
	tests := []struct {
		name   string
		target target
		of     measure.Estimate
		want   string
	}{
		{"none", target{}, measure.Estimate{Median: 1}, ""},
		{"at most, equal", atMost(0.36), measure.Estimate{Median: 0.36}, "met"},
		{"at most, above", atMost(0.36), measure.Estimate{Low: 0.3, Median: 0.37}, "missed"},
		{"at least, equal", atLeast(2.5), measure.Estimate{Median: 2.5}, "met"},
		{"at least, below", atLeast(2.5), measure.Estimate{Median: 2.4, High: 2.6}, "missed"},
		{"not slower, the interval reaches below 1", notSlower(), measure.Estimate{Low: 0.99, Median: 1.02}, "met"},
		{"not slower, it does not", notSlower(), measure.Estimate{Low: 1, Median: 1.02}, "missed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.target.verdict(test.of); got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}
