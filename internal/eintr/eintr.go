// Package eintr repeats system calls that a signal interrupted. The Go runtime
// sends signals to itself, and repeats only the calls of its own libraries.
package eintr

import (
	"errors"
	"syscall"
)

// Retry repeats call for as long as it fails with EINTR.
func Retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
