package cni

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// Signals catches or ignores SIGTERM, SIGINT and SIGHUP, by which a runtime or a terminal ends a plugin.
//
// ADD catches them from the beginning if it waits for another process or creates something that needs an undo.
// Otherwise a signal kills it, and the kernel removes the tap; a protective sysctl of the namespace may remain
// set. Catching costs two threads, a tenth of an ADD. It ignores them from the commit on, which takes less than a
// millisecond.
type Signals struct {
	Context context.Context // is canceled by the first signal that is caught
	cancel  context.CancelCauseFunc
	list    []os.Signal
	caught  bool
}

// NewSignals returns Signals that change nothing until Catch or Ignore is called.
func NewSignals() *Signals {
	s := &Signals{}
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // ignored by nohup(1), or by a shell that started the plugin in the background
			s.list = append(s.list, sig)
		}
	}
	s.Context, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// Catch cancels the context on a signal, which no longer kills the process. Further calls do nothing.
func (s *Signals) Catch() {
	if s.caught {
		return
	}
	s.caught = true
	// Only a signal that is not caught needs the main goroutine on the main thread (package main). Waiting for
	// another process takes longer there.
	runtime.UnlockOSThread()
	if len(s.list) == 0 {
		return // signal.Notify without signals would catch all
	}
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, s.list...)
	go func() { s.cancel(fmt.Errorf("%v", <-arrived)) }()
}

// Ignore ignores the signals, unless they are caught.
func (s *Signals) Ignore() {
	if !s.caught && len(s.list) > 0 { // signal.Ignore without signals would ignore all
		signal.Ignore(s.list...)
	}
}

// ErrInterrupted is in the chain if a signal was caught.
var ErrInterrupted = Kind{CodeInterrupted, MayTryAgain}.New("interrupted by a signal")

// MayTryAgain is the advice for an ADD that was undone.
const MayTryAgain = "the runtime may try again; ADD was undone unless the message says otherwise"

// Interrupted returns an error if a signal was caught.
func Interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))
}
