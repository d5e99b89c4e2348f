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
		one, other, err := runPair(i%2 == 1, first, second)
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

// runPair runs both, first and then second, or turned round.
func runPair[T any](turned bool, first, second func() (T, error)) (T, T, error) {
	if turned {
		y, x, err := runPair(false, second, first)
		return x, y, err
	}
	x, err := first()
	if err != nil {
		return x, x, err
	}
	y, err := second()
	return x, y, err
}
