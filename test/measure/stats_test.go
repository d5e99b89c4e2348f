package measure

import (
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		want   Summary
	}{
		{"one", []float64{7}, Summary{7, 7, 7}},
		{"two", []float64{1, 3}, Summary{1.5, 2, 2.5}},
		{"three, unsorted", []float64{3, 1, 2}, Summary{1.5, 2, 2.5}},
		{"four", []float64{4, 3, 2, 1}, Summary{1.75, 2.5, 3.25}},
		{"five: quartiles are numbers themselves", []float64{50, 10, 40, 20, 30}, Summary{20, 30, 40}},
		{"one far off does not count", []float64{1, 1, 1, 1, 5000}, Summary{1, 1, 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(test.values)
			if got := Summarize(test.values); got != test.want {
				t.Errorf("\nwant %v\ngot  %v", test.want, got)
			}
			if !slices.Equal(test.values, before) {
				t.Errorf("the values were reordered: %v", test.values)
			}
		})
	}
}

// The ranks are those of printed tables of the sign test (two-sided, 5 %); the last was computed with integers.
func TestIntervalRank(t *testing.T) {
	for n, want := range map[int]int{
		1: 0, 5: 0, 6: 1, 8: 1, 9: 2, 10: 2, 11: 2, 12: 3, 15: 4, 20: 6, 25: 8, 30: 10, 40: 14, 50: 18, 100: 40, 2000: 956,
	} {
		if got := intervalRank(n); got != want {
			t.Errorf("%d numbers: want rank %d, got %d", n, want, got)
		}
	}
}

func TestEstimateMedian(t *testing.T) {
	upTo := func(n int) []float64 {
		var values []float64
		for i := n; i > 0; i-- {
			values = append(values, float64(i))
		}
		return values
	}
	tests := []struct {
		name   string
		values []float64
		want   Estimate
	}{
		{"one", upTo(1), Estimate{1, 1, 1, false}},
		{"three: the range", upTo(3), Estimate{1, 2, 3, false}},
		{"five: the range", upTo(5), Estimate{1, 3, 5, false}},
		{"six: the range is an interval", upTo(6), Estimate{1, 3.5, 6, true}},
		{"ten", upTo(10), Estimate{2, 5.5, 9, true}},
		{"forty", upTo(40), Estimate{14, 20.5, 27, true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := EstimateMedian(test.values); got != test.want {
				t.Errorf("\nwant %v\ngot  %v", test.want, got)
			}
		})
	}
}

func TestRatios(t *testing.T) {
	if got, want := Ratios([]float64{1, 6}, []float64{2, 3}), []float64{0.5, 2}; !slices.Equal(got, want) {
		t.Errorf("want %v, got %v", want, got)
	}
}
