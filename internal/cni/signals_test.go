package cni

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// sendTerm sends SIGTERM to the test process, which must have caught or ignored it.
func sendTerm(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// resetSignals puts back what signals do by default. signal.Reset alone leaves them marked as
// ignored.
func resetSignals() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	signal.Reset()
}

func TestInterruptedWithoutSignal(t *testing.T) {
	if err := Interrupted(NewSignals().Context); err != nil {
		t.Errorf("Interrupted\nwant no error\ngot  %v", err)
	}
}

func TestCatchEndsTheContext(t *testing.T) {
	t.Cleanup(resetSignals)
	for name, prepare := range map[string]func(*Signals){
		"caught":                   (*Signals).Catch,
		"caught twice":             func(s *Signals) { s.Catch(); s.Catch() },
		"ignored, and then caught": func(s *Signals) { s.Ignore(); s.Catch() },
	} {
		t.Run(name, func(t *testing.T) {
			resetSignals()
			s := NewSignals()
			prepare(s)
			sendTerm(t)
			select {
			case <-s.Context.Done():
			case <-time.After(10 * time.Second):
				t.Fatal("context\nwant its end\ngot  none")
			}
			err := Interrupted(s.Context)
			if !errors.Is(err, ErrInterrupted) || err.Error() != "interrupted by a signal: terminated" {
				t.Errorf("Interrupted\nwant %v: terminated\ngot  %v", ErrInterrupted, err)
			}
		})
	}
}

func TestIgnore(t *testing.T) {
	t.Cleanup(resetSignals)
	s := NewSignals()
	s.Ignore()
	sendTerm(t) // would end the process
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			t.Errorf("%v\nwant it ignored\ngot  not ignored", sig)
		}
	}
	if err := Interrupted(s.Context); err != nil {
		t.Errorf("Interrupted\nwant no error\ngot  %v", err)
	}
}

// A signal that is ignored already, as by nohup(1), stays so.
func TestCatchLeavesIgnoredSignals(t *testing.T) {
	t.Cleanup(resetSignals)
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	s := NewSignals()
	s.Catch()
	sendTerm(t)
	time.Sleep(10 * time.Millisecond)
	if err := Interrupted(s.Context); err != nil || !signal.Ignored(syscall.SIGTERM) {
		t.Errorf("Interrupted\nwant no error, SIGTERM ignored\ngot  %v", err)
	}
}

func TestInterruptedNamesTheCause(t *testing.T) {
	ctx, end := context.WithCancelCause(context.Background())
	cause := errors.New("5s after terminated")
	end(cause)
	if err := Interrupted(ctx); !errors.Is(err, cause) || !errors.Is(err, ErrInterrupted) {
		t.Errorf("Interrupted\nwant %v and %v\ngot  %v", ErrInterrupted, cause, err)
	}
}
