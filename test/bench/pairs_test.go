package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// Who is first changes from pair to pair, and each sample goes to whom it belongs.
func TestRunPairsAlternates(t *testing.T) {
	b := &bench{ctx: t.Context(), out: &progress{out: io.Discard}}
	var order strings.Builder
	runner := func(name string) func() (string, error) {
		return func() (string, error) {
			order.WriteString(name)
			return name, nil
		}
	}
	as, bs, err := runPairs(b, "", 2, runner("a"), runner("b"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := order.String(), "abbaab"; got != want { // one pair to warm up
		t.Errorf("order: want %s, got %s", want, got)
	}
	if want := []string{"a", "a"}; !slices.Equal(as, want) {
		t.Errorf("first: want %v, got %v", want, as)
	}
	if want := []string{"b", "b"}; !slices.Equal(bs, want) {
		t.Errorf("second: want %v, got %v", want, bs)
	}
}

func TestRunPairsStopsAtAnError(t *testing.T) {
	b := &bench{ctx: t.Context(), out: &progress{out: io.Discard}}
	broken, runs := errors.New("broken"), 0
	_, _, err := runPairs(b, "", 10,
		func() (int, error) { runs++; return 0, nil },
		func() (int, error) { runs++; return 0, broken })
	if !errors.Is(err, broken) || runs != 2 {
		t.Errorf("want %v after 2 runs, got %v after %d", broken, err, runs)
	}
}
