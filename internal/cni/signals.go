package cni

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Signals are those by which a runtime or a terminal ends a plugin. An ADD catches them
// where it waits for somebody, or makes what it has to take back; else it is over in a
// moment, and ignores them, since catching costs two threads, a tenth of an ADD. It
// decides that before it makes anything: the Go runtime may take a moment to die of a
// signal that was neither caught nor ignored, and goes on meanwhile.
type Signals struct {
	Context context.Context // ends with the first that is caught
	end     context.CancelCauseFunc
	list    []os.Signal
	caught  bool
}

// NewSignals leaves the signals as they are until Catch or Ignore.
func NewSignals() *Signals {
	s := &Signals{}
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // nohup(1), or a shell that put us into the background
			s.list = append(s.list, sig)
		}
	}
	s.Context, s.end = context.WithCancelCause(context.Background())
	return s
}

// Catch ends the context where a signal would kill. More than one call is one.
func (s *Signals) Catch() {
	if s.caught {
		return
	}
	s.caught = true
	if len(s.list) == 0 {
		return // for signal.Notify that means all
	}
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, s.list...)
	go func() { s.end(fmt.Errorf("%v", <-arrived)) }()
}

// Ignore lets them pass. (For signal.Ignore no signal means all.)
func (s *Signals) Ignore() {
	if len(s.list) > 0 {
		signal.Ignore(s.list...)
	}
}

// ErrInterrupted is in the chain once a signal was caught.
var ErrInterrupted = Kind{CodeInterrupted, MayTryAgain}.New("interrupted by a signal")

// MayTryAgain is advice after what was undone.
const MayTryAgain = "what was done is undone, unless the message says otherwise; the runtime may try again"

// Interrupted is an error once a signal was caught.
func Interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))
}
