package main

import "testing"

func TestTargetVerdict(t *testing.T) {
	tests := []struct {
		name   string
		target target
		of     estimate
		want   string
	}{
		{"none", target{}, estimate{median: 1}, ""},
		{"at most, equal", atMost(0.36), estimate{median: 0.36}, "met"},
		{"at most, above", atMost(0.36), estimate{low: 0.3, median: 0.37}, "missed"},
		{"at least, equal", atLeast(2.5), estimate{median: 2.5}, "met"},
		{"at least, below", atLeast(2.5), estimate{median: 2.4, high: 2.6}, "missed"},
		{"not slower, the interval reaches below 1", notSlower(), estimate{low: 0.99, median: 1.02}, "met"},
		{"not slower, it does not", notSlower(), estimate{low: 1, median: 1.02}, "missed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.target.verdict(test.of); got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}
