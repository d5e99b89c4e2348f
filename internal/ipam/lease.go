package ipam

import (
	"context"
	"errors"
	"fmt"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
)

// ErrBadResult is wrapped by the error if an IPAM plugin succeeded but printed no usable result.
var ErrBadResult = errors.New("no usable result")

// Lease is a running or finished ADD of an IPAM plugin. Its user must call Wait, Keep or Release, all from one
// goroutine. A nil Lease stands for a network without IPAM: it has no addresses, and its methods do nothing.
type Lease struct {
	plugin  *Plugin
	call    Call
	running *process // nil after it has ended
	result  *current.Result
	err     error
}

// Start starts an ADD. The plugin is terminated if it still runs gracePeriod after ctx is done. The kernel kills
// the plugin when the calling thread exits (PDEATHSIG): that happens only when the process exits, or when the
// thread could not leave a namespace, which is a failed ADD.
func (p *Plugin) Start(ctx context.Context, call Call) *Lease {
	return &Lease{plugin: p, call: call, running: p.start(ctx, "ADD", call)}
}

// Wait waits for the ADD to end and returns its result in the current version. The result is nil without
// IPAM.
func (l *Lease) Wait() (*current.Result, error) {
	if l == nil {
		return nil, nil
	}
	l.finish()
	return l.result, l.err
}

// Keep waits for the ADD to end and leaves its reservation in place.
func (l *Lease) Keep() {
	if l != nil {
		l.finish()
	}
}

// Release waits for the ADD to end and then runs DEL. It also does so for a failed ADD, which may have reserved
// an address before it failed.
func (l *Lease) Release(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.finish()
	return l.plugin.Del(ctx, l.call)
}

// finish waits for the ADD to end and keeps its result or error.
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

// readResult decodes the result of ADD, which must have an address.
func readResult(out []byte, cniVersion string) (*current.Result, error) {
	result, err := netconf.DecodeResult(out, cniVersion)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadResult, err)
	}
	if len(result.IPs) == 0 {
		return nil, fmt.Errorf("%w: no addresses", ErrBadResult)
	}
	return result, nil
}
