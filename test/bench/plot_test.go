package main

import (
	"slices"
	"testing"
)

func TestLadderEnclosesTheNumbers(t *testing.T) {
	tests := []struct {
		name        string
		least, most float64
		want        []string
	}{
		{"within a decade", 2.4, 7.9, []string{"2", "5", "10"}},
		{"over decades", 0.7, 30, []string{"0.5", "1", "2", "5", "10", "20", "50"}},
		{"on a step", 2, 5, []string{"2", "5"}},
		{"between 5 and 10", 6, 8, []string{"5", "10"}},
		{"one number on a step", 10, 10, []string{"10"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, step := range ladder(test.least, test.most) {
				got = append(got, step.Label)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("\nwant %v\ngot  %v", test.want, got)
			}
		})
	}
}
