package cni

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containernetworking/cni/pkg/types"
)

// ErrPending is in the chain if the runtime has not read the result yet and may still do so.
var ErrPending = errors.New("write the result")

var writeKind = Kind{types.ErrIOFailure, "the runtime did not read the answer; ADD was undone unless the message says otherwise"}

// signalGrace is how long writing the result may take after a signal.
const signalGrace = 100 * time.Millisecond

// Write writes the answer of a verb.
func Write(stdout FDWriter, result []byte) error {
	if _, err := stdout.Write(result); err != nil {
		return writeKind.Wrap(fmt.Errorf("write the result: %w", err))
	}
	return nil
}

// WriteUntil is like Write, but stops waiting for the reader soon after ctx has ended, because ADD can still
// be undone. A result that was written completely counts, also after a signal.
func WriteUntil(ctx context.Context, stdout FDWriter, result []byte) error {
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
	case <-time.After(signalGrace):
		return fmt.Errorf("%w: %w: %w", ErrPending, ErrInterrupted, context.Cause(ctx))
	}
}
