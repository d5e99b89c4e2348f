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

// Lease is a running or finished ADD of an IPAM plugin, which must be kept or
// released. A nil Lease is that of a network without IPAM: it has no addresses,
// and there is nothing to release.
type Lease struct {
	plugin *Plugin
	call   Call
	done   chan struct{}
	result *current.Result
	err    error
}

// Start runs ADD in the background. When ctx ends the plugin is ended as well.
func (p *Plugin) Start(ctx context.Context, call Call) *Lease {
	l := &Lease{plugin: p, call: call, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.result, l.err = p.add(ctx, call)
	}()
	return l
}

// Wait returns the result of ADD, in the current version; nil without IPAM.
func (l *Lease) Wait() (*current.Result, error) {
	if l == nil {
		return nil, nil
	}
	<-l.done
	return l.result, l.err
}

// Keep waits for the ADD to end and undoes nothing.
func (l *Lease) Keep() {
	if l != nil {
		<-l.done
	}
}

// Release undoes the ADD, a failed one too: it may have reserved something
// before it failed. It waits for the ADD to end first.
func (l *Lease) Release(ctx context.Context) error {
	if l == nil {
		return nil
	}
	<-l.done
	if err := l.plugin.Del(ctx, l.call); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return nil
}

func (p *Plugin) add(ctx context.Context, call Call) (*current.Result, error) {
	out, err := p.run(ctx, "ADD", call)
	if err != nil {
		return nil, err
	}
	result, err := netconf.DecodeResult(out, call.CNIVersion)
	if err != nil {
		return nil, &Error{Plugin: p.name, Verb: "ADD", Err: fmt.Errorf("%w: %w", ErrBadResult, err)}
	}
	if len(result.IPs) == 0 {
		return nil, &Error{Plugin: p.name, Verb: "ADD", Err: fmt.Errorf("%w: it has no address", ErrBadResult)}
	}
	return result, nil
}
