// Package plugin is the verbs of the CNI specification, a file each. It knows
// what to do in which order, and how to take it back; the packages below know how.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/containernetworking/cni/pkg/skel"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/ipam"
	"tap/internal/netconf"
)

// Add makes the attachment that args describe and writes its result to stdout, or
// returns a *types.Error and leaves the host as it was (CNI specification 1.1,
// section 2, "ADD").
func Add(args *skel.CmdArgs, stdout io.Writer) error {
	conf, err := netconf.Parse(args) // pure: until it succeeds nothing is touched
	if err != nil {
		return cniError(err)
	}
	ctx, stop := untilSignal()
	defer stop()
	delegate, err := findIPAM(conf, args.Path)
	if err != nil {
		return cniError(err)
	}
	sandbox, err := openSandbox(conf)
	if err != nil {
		return cniError(err)
	}
	defer sandbox.Close()

	tap, err := createTap(conf, sandbox) // the name is the lock: a taken one is an error, and nothing else was started
	if err != nil {
		return cniError(err)
	}
	defer tap.close() // until persist, a death here gives the device back to the kernel

	lease := startIPAM(ctx, delegate, conf, args.StdinData) // its process runs while the device is configured
	if err := tap.attach(ctx, lease, stdout); err != nil {
		return cniError(errors.Join(err, tap.delete(), lease.Release(context.WithoutCancel(ctx))))
	}
	return nil
}

// attach makes of a new device what was asked for. What it leaves half done on
// the device its caller deletes; what lies beside the device it undoes itself.
func (t *tap) attach(ctx context.Context, lease *ipam.Lease, stdout io.Writer) error {
	if err := t.configure(); err != nil {
		return err
	}
	assigned, err := lease.Wait()
	if err != nil {
		return err
	}
	if err := t.address(assigned); err != nil {
		return err
	}
	link, err := t.conn.LinkByIndex(t.link.Index) // what the kernel made of it, not what was asked for
	if err != nil {
		return about(errDevice, err)
	}
	result, err := newResult(t.conf, link, assigned) // in the version asked for: from here only the writing can fail
	if err != nil {
		return err
	}
	restore, err := t.enableLoopback(assigned)
	if err != nil {
		return err
	}
	if err := t.commit(ctx, result, stdout); err != nil {
		return errors.Join(err, restore())
	}
	return nil
}

// commit makes the device permanent and hands the result over. A result that
// nobody received is a failed ADD.
func (t *tap) commit(ctx context.Context, result []byte, stdout io.Writer) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errInterrupted, context.Cause(ctx))
	}
	if err := t.persist(); err != nil {
		return err
	}
	if _, err := stdout.Write(result); err != nil {
		return about(errWrite, fmt.Errorf("write the result: %w", err))
	}
	return nil
}

// untilSignal is a context that ends when the runtime wants the plugin to end.
// Writing to a pipe that nobody reads becomes an error instead of death
// (os/signal, "SIGPIPE"), so that it can be undone.
func untilSignal() (context.Context, context.CancelFunc) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
}

// findIPAM finds the IPAM plugin of the configuration; nil where it names none.
func findIPAM(conf *netconf.Config, cniPath string) (*ipam.Plugin, error) {
	if conf.IPAM == "" {
		return nil, nil
	}
	return ipam.Find(conf.IPAM, cniPath)
}

func startIPAM(ctx context.Context, delegate *ipam.Plugin, conf *netconf.Config, stdin []byte) *ipam.Lease {
	if delegate == nil {
		return nil
	}
	return delegate.Start(ctx, ipamCall(conf, stdin))
}

func ipamCall(conf *netconf.Config, stdin []byte) ipam.Call {
	return ipam.Call{Stdin: stdin, Env: os.Environ(), CNIVersion: conf.CNIVersion}
}

// assignedIPs are the addresses that our IPAM plugin returned; none without IPAM.
func assignedIPs(assigned *current.Result) []*current.IPConfig {
	if assigned == nil {
		return nil
	}
	return assigned.IPs
}
