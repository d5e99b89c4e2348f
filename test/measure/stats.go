package measure

import (
	"math"
	"slices"
)

// Summary is the middle of some numbers, and what half of them lie in.
type Summary struct{ Low, Median, High float64 }

// Summarize returns the quartiles of at least one number.
func Summarize(values []float64) Summary {
	sorted := slices.Sorted(slices.Values(values))
	return Summary{quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)}
}

// quantile interpolates between the two nearest of the sorted numbers (type 7 of Hyndman
// and Fan, 1996: the smallest is the quantile 0, the largest the quantile 1).
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Median is the middle one of at least one number.
func Median(values []float64) float64 { return Summarize(values).Median }

// Estimate is a median with an interval that has the true one in it in 95 of 100 measurements.
type Estimate struct {
	Low, Median, High float64
	// Sure is false where the numbers are too few: Low and High are the least and the greatest.
	Sure bool
}

// EstimateMedian finds the interval without assumptions on the distribution: a number is below the
// true median as a coin falls, so the order statistics of ranks k and n+1-k have it between them,
// unless fewer than k of n coins fall on one side.
func EstimateMedian(values []float64) Estimate {
	sorted := slices.Sorted(slices.Values(values))
	k := intervalRank(len(sorted))
	return Estimate{
		Low: sorted[max(k, 1)-1], Median: Median(sorted), High: sorted[len(sorted)-max(k, 1)],
		Sure: k > 0,
	}
}

// intervalRank is the greatest k for which fewer than k of n coins fall on a given side with
// a chance of at most 2.5 %; 0 where there is none, below six.
func intervalRank(n int) int {
	k, chance := 0, 0.0
	term := -float64(n) * math.Ln2 // logarithm of n over k, by 2^n, which is too small for a number
	for k < n {
		if chance += math.Exp(term); chance > 0.025 {
			break
		}
		term += math.Log(float64(n-k) / float64(k+1))
		k++
	}
	return k
}

// Ratios divides the numbers of each pair.
func Ratios(a, b []float64) []float64 {
	var all []float64
	for i := range a {
		all = append(all, a[i]/b[i])
	}
	return all
}
