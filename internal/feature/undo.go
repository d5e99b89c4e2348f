package feature

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Undo is a stack of undo functions, last in, first out. Deleting the tap is the first one pushed, so it runs
// last: while the name of the tap is taken, no other ADD of the same attachment can start. Otherwise the undo
// could remove the reservation and the egress device of that ADD, which it cannot tell from its own.
type Undo struct{ steps []func(context.Context) error }

// Push registers the undo of a step. It is called before the step, because a step may have an effect although
// it fails.
func (u *Undo) Push(f func(context.Context) error) { u.steps = append(u.steps, f) }

// Run runs all undo functions, also after errors.
func (u *Undo) Run(ctx context.Context) error {
	var failed []error
	for _, f := range slices.Backward(u.steps) {
		if err := f(ctx); err != nil {
			failed = append(failed, fmt.Errorf("undo: %w", err))
		}
	}
	u.steps = nil
	return errors.Join(failed...)
}
