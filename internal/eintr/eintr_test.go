package eintr

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRetry(t *testing.T) {
	tests := []struct {
		name    string
		answers []error
		want    error
	}{
		{"at once", []error{nil}, nil},
		{"interrupted twice", []error{unix.EINTR, unix.EINTR, nil}, nil},
		{"interrupted, then refused", []error{unix.EINTR, unix.EPERM}, unix.EPERM},
		{"refused", []error{unix.EBUSY, nil}, unix.EBUSY},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answers := tt.answers
			got := Retry(func() error {
				answer := answers[0]
				answers = answers[1:]
				return answer
			})
			if !errors.Is(got, tt.want) {
				t.Errorf("Retry\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}
