package cni

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containernetworking/cni/pkg/types"
)

// ErrPending is in the chain where nobody read the result so far, and it may still arrive.
var ErrPending = errors.New("write the result")

var notWritten = Kind{types.ErrIOFailure, "the runtime did not take the result; what was done is undone, unless the message says otherwise"}

// resultTime is what a result that is being written may take once we were told to end.
const resultTime = 100 * time.Millisecond

// Write writes what a verb answers.
func Write(stdout Stream, result []byte) error {
	if _, err := stdout.Write(result); err != nil {
		return notWritten.Of(fmt.Errorf("write the result: %w", err))
	}
	return nil
}

// WriteUntil does not wait for a reader that has stopped to read once ctx has ended:
// everything can still be undone. A result that is written counts, signal or not.
func WriteUntil(ctx context.Context, stdout Stream, result []byte) error {
	written := make(chan error, 1)
	go func() { written <- Write(stdout, result) }()
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-written:
		return err
	case <-time.After(resultTime):
		return fmt.Errorf("%w: %w: %w", ErrPending, ErrInterrupted, context.Cause(ctx))
	}
}
