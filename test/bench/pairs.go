package main

import "tap/test/measure"

// runPairs runs two things n times in turn and returns what each cost.
func runPairs[T any](b *bench, name string, n int, first, second func() (T, error)) ([]T, []T, error) {
	costs, err := measure.Turns(b.ctx, b.out, name, n, first, second)
	if err != nil {
		return nil, nil, err
	}
	return costs[0], costs[1], nil
}
