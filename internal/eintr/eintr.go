// Package eintr retries system calls that a signal interrupted. The Go runtime sends signals to its
// own threads, and only the standard library retries its calls.
package eintr

import (
	"errors"
	"syscall"
)

// Retry calls call until it returns nil or an error other than EINTR, and returns that result.
func Retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
