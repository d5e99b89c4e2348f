package netdev

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDumpRetriesWhenInterrupted(t *testing.T) {
	tests := []struct {
		name        string
		interrupted int // times
		want        error
		calls       int
	}{
		{"never", 0, nil, 1},
		{"once", 1, nil, 2},
		{"19 times", 19, nil, 20},
		{"always", 100, errDumpInterrupted, 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			list, err := dump(func() ([]int, error) {
				if calls++; calls <= tt.interrupted {
					return []int{calls}, fmt.Errorf("list: %w", errDumpInterrupted)
				}
				return []int{calls}, nil
			})
			if !errors.Is(err, tt.want) || calls != tt.calls || len(list) != 1 || list[0] != calls {
				t.Errorf("dump\nwant the list of call %d, %v\ngot  %v after %d calls, %v", tt.calls, tt.want, list, calls, err)
			}
		})
	}
}

func TestDumpDoesNotRetryOtherErrors(t *testing.T) {
	calls := 0
	if _, err := dump(func() ([]int, error) { calls++; return nil, unix.EPERM }); !errors.Is(err, unix.EPERM) || calls != 1 {
		t.Errorf("dump\nwant %v after 1 call\ngot  %v after %d", unix.EPERM, err, calls)
	}
}

func TestNotFound(t *testing.T) {
	if err := notFound(unix.ENODEV); !errors.Is(err, ErrNotFound) || !errors.Is(err, unix.ENODEV) {
		t.Errorf("notFound(ENODEV)\nwant %v and ENODEV in the chain\ngot  %v", ErrNotFound, err)
	}
	for _, other := range []error{nil, unix.EPERM} {
		if err := notFound(other); !errors.Is(err, other) || errors.Is(err, ErrNotFound) {
			t.Errorf("notFound(%v)\nwant it unchanged\ngot  %v", other, err)
		}
	}
}
