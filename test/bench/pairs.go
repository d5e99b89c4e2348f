package main

// runPairs runs two things n times in turn, after some uncounted pairs, and returns what each cost.
// The order changes from pair to pair: the place in a pair is worth up to 8 %.
func runPairs[T any](b *bench, name string, n int, first, second func() (T, error)) ([]T, []T, error) {
	b.out.begin(name)
	warmUp := min(3, (n+2)/3)
	var firsts, seconds []T
	for i := range warmUp + n {
		if err := b.ctx.Err(); err != nil {
			return nil, nil, err
		}
		var one, other T
		var err error
		if i%2 == 0 {
			one, other, err = inOrder(first, second)
		} else {
			other, one, err = inOrder(second, first)
		}
		if err != nil {
			return nil, nil, err
		}
		if i >= warmUp {
			firsts, seconds = append(firsts, one), append(seconds, other)
		}
		b.out.count(i+1, warmUp+n)
	}
	b.out.end()
	return firsts, seconds, nil
}

func inOrder[T any](first, second func() (T, error)) (T, T, error) {
	x, err := first()
	if err != nil {
		return x, x, err
	}
	y, err := second()
	return x, y, err
}
