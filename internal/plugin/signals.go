package plugin

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tap/internal/netconf"
)

// signals are those by which a runtime or a terminal ends a plugin. An ADD catches them
// where it waits for somebody, or makes what it has to take back; else it is over in a
// moment, and ignores them, since catching costs two threads, a tenth of an ADD. It
// decides that before it makes anything: the Go runtime may take a moment to die of a
// signal that was neither caught nor ignored, and goes on meanwhile.
type signals struct {
	ctx    context.Context // ends with the first that is caught
	end    context.CancelCauseFunc
	list   []os.Signal
	caught bool
}

func newSignals() *signals {
	s := &signals{}
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // nohup(1), or a shell that put us into the background
			s.list = append(s.list, sig)
		}
	}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	return s
}

// catch ends the context where a signal would kill.
func (s *signals) catch() {
	s.caught = true
	if len(s.list) == 0 {
		return // for signal.Notify that means all
	}
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, s.list...)
	go func() { s.end(fmt.Errorf("%v", <-arrived)) }()
}

// ignore lets them pass. (For signal.Ignore no signal means all.)
func (s *signals) ignore() {
	if len(s.list) > 0 {
		signal.Ignore(s.list...)
	}
}

// interrupted is an error once a signal was caught.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errInterrupted, context.Cause(ctx))
}

// outlivesUs says whether our death before the commit could leave something behind,
// beside a reservation: the egress device, or a tap that somebody has attached to. Its
// making can be interrupted.
func outlivesUs(asked netconf.Tap) bool {
	return asked.MultiQueue || asked.Bandwidth.Egress != netconf.Limit{}
}
