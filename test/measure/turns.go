package measure

import (
	"context"
	"slices"
)

// Turns runs things n times in turn, after some uncounted rounds, and returns what each cost.
// The order is reversed from round to round, and another begins every second one: the place
// in a pair is worth up to 8 %.
func Turns[T any](ctx context.Context, out *Progress, name string, n int, runs ...func() (T, error)) ([][]T, error) {
	out.Begin(name)
	warmUp := min(3, (n+2)/3)
	costs := make([][]T, len(runs))
	var order []int
	for i := range runs {
		order = append(order, i)
	}
	for round := range warmUp + n {
		for _, i := range order {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			cost, err := runs[i]()
			if err != nil {
				return nil, err
			}
			if round >= warmUp {
				costs[i] = append(costs[i], cost)
			}
		}
		slices.Reverse(order)
		if round%2 == 1 {
			order = append(order[1:], order[0])
		}
		out.Count(round+1, warmUp+n)
	}
	out.End()
	return costs, nil
}
