package ipam

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
)

// ErrBadResult is in the chain where the plugin said it succeeded, but printed no usable result.
var ErrBadResult = errors.New("no usable result")

// Lease is a running or finished ADD of an IPAM plugin. It must be dropped, or asked
// and then kept or released, all by one goroutine. A nil Lease is that of a network
// without IPAM: it has no addresses, and there is nothing to release.
type Lease struct {
	plugin  *Plugin
	call    Call
	asked   chan struct{}
	drop    context.CancelCauseFunc
	running *process // nil: it has ended
	result  *current.Result
	err     error
}

// errDropped is the cause of the end of a plugin that was started, and not asked.
var errDropped = errors.New("not needed")

func dropped(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errDropped) }

// Start starts the plugin for an ADD. It has to wait for its configuration, and so
// does nothing, until Ask: meanwhile it is loaded. When ctx ends the plugin is ended
// as well. (PDEATHSIG: a thread ends only where the process does so as well, or where
// the way back out of a namespace failed, and with it the ADD.)
func (p *Plugin) Start(ctx context.Context, call Call) *Lease {
	ctx, drop := context.WithCancelCause(ctx)
	l := &Lease{plugin: p, call: call, asked: make(chan struct{}), drop: drop}
	l.running = p.start(ctx, "ADD", call, &question{text: bytes.NewReader(call.Stdin), asked: l.asked, ended: ctx.Done()})
	return l
}

// question is a configuration that is held back.
type question struct {
	text         *bytes.Reader
	asked, ended <-chan struct{} // the plugin may have it; nobody wants an answer any more
}

func (q *question) Read(p []byte) (int, error) {
	select {
	case <-q.asked:
		return q.text.Read(p)
	case <-q.ended:
		return 0, io.EOF
	}
}

// Ask lets the plugin do its ADD.
func (l *Lease) Ask() {
	if l != nil {
		close(l.asked)
	}
}

// Drop ends a plugin that was not asked.
func (l *Lease) Drop() {
	if l != nil {
		l.drop(errDropped)
		l.finish()
	}
}

// Wait returns the result of ADD, in the current version; nil without IPAM.
func (l *Lease) Wait() (*current.Result, error) {
	if l == nil {
		return nil, nil
	}
	l.finish()
	return l.result, l.err
}

// Keep waits for the ADD to end and undoes nothing.
func (l *Lease) Keep() {
	if l != nil {
		l.finish()
	}
}

// Release undoes the ADD, a failed one too: it may have reserved something
// before it failed. It waits for the ADD to end first.
func (l *Lease) Release(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.finish()
	if err := l.plugin.Del(ctx, l.call); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return nil
}

func (l *Lease) finish() {
	if l.running == nil {
		return
	}
	out, err := l.running.finish()
	l.running = nil
	l.drop(nil) // nobody waits for its end any more
	if err != nil {
		l.err = err
		return
	}
	if l.result, err = readResult(out, l.call.CNIVersion); err != nil {
		l.err = &Error{Plugin: l.plugin.name, Verb: "ADD", Err: err}
	}
}

func readResult(out []byte, cniVersion string) (*current.Result, error) {
	result, err := netconf.DecodeResult(out, cniVersion)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadResult, err)
	}
	if len(result.IPs) == 0 {
		return nil, fmt.Errorf("%w: it has no address", ErrBadResult)
	}
	return result, nil
}
