package measure

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// Every one has every place, and each sample goes to whom it belongs.
func TestTurnsChangePlaces(t *testing.T) {
	var order strings.Builder
	runner := func(name string) func() (string, error) {
		return func() (string, error) {
			order.WriteString(name)
			return name, nil
		}
	}
	costs, err := Turns(t.Context(), &Progress{out: io.Discard}, "", 4, runner("a"), runner("b"), runner("c"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := order.String(), "abc"+"cba"+"bca"+"acb"+"cab"+"bac"; got != want { // two rounds to warm up
		t.Errorf("order: want %s, got %s", want, got)
	}
	for i, name := range []string{"a", "b", "c"} {
		if want := slices.Repeat([]string{name}, 4); !slices.Equal(costs[i], want) {
			t.Errorf("%s: want %v, got %v", name, want, costs[i])
		}
	}
}

func TestTurnsStopAtAnError(t *testing.T) {
	broken, runs := errors.New("broken"), 0
	_, err := Turns(t.Context(), &Progress{out: io.Discard}, "", 10,
		func() (int, error) { runs++; return 0, nil },
		func() (int, error) { runs++; return 0, broken })
	if !errors.Is(err, broken) || runs != 2 {
		t.Errorf("want %v after 2 runs, got %v after %d", broken, err, runs)
	}
}
