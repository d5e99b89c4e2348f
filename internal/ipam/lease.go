package ipam

import (
	"context"
	"errors"
	"fmt"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
)

// ErrBadResult is in the chain where the plugin said it succeeded, but printed no usable result.
var ErrBadResult = errors.New("no usable result")

// Lease is a running or finished ADD of an IPAM plugin, which one goroutine must
// keep or release. A nil Lease is that of a network without IPAM: it has no addresses,
// and there is nothing to release.
type Lease struct {
	plugin  *Plugin
	call    Call
	running *process // nil: it has ended
	result  *current.Result
	err     error
}

// Start starts an ADD. When ctx ends the plugin is ended as well. (PDEATHSIG: the
// calling thread ends only where the process does so as well, or where the way back
// out of a namespace failed, and with it the ADD.)
func (p *Plugin) Start(ctx context.Context, call Call) *Lease {
	return &Lease{plugin: p, call: call, running: p.start(ctx, "ADD", call)}
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
	return l.plugin.Del(ctx, l.call)
}

func (l *Lease) finish() {
	if l.running == nil {
		return
	}
	out, err := l.running.finish()
	l.running = nil
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
