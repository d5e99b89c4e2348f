package eintr

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRetry(t *testing.T) {
	tests := []struct {
		name    string
		results []error
		want    error
	}{
		{"success", []error{nil}, nil},
		{"interrupted twice", []error{unix.EINTR, unix.EINTR, nil}, nil},
		{"interrupted, then error", []error{unix.EINTR, unix.EPERM}, unix.EPERM},
		{"error", []error{unix.EBUSY, nil}, unix.EBUSY},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			results := tt.results
			got := Retry(func() error {
				result := results[0]
				results = results[1:]
				return result
			})
			if !errors.Is(got, tt.want) {
				t.Errorf("Retry\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}
