package main

import (
	"slices"
	"testing"
)

func TestLadderEnclosesTheNumbers(t *testing.T) {
	tests := []struct {
		name        string
		least, most float64
		want        []float64
	}{
		{"within a decade", 2.4, 7.9, []float64{2, 5, 10}},
		{"over decades", 0.7, 30, []float64{0.5, 1, 2, 5, 10, 20, 50}},
		{"on a step", 2, 5, []float64{2, 5}},
		{"between 5 and 10", 6, 8, []float64{5, 10}},
		{"one number on a step", 10, 10, []float64{10}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := ladder(test.least, test.most); !slices.Equal(got, test.want) {
				t.Errorf("\nwant %v\ngot  %v", test.want, got)
			}
		})
	}
}
