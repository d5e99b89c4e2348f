// Package plugin is the verbs of the CNI specification, a file each. It knows
// what to do in which order, and how to take it back; the packages below know how.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tap/internal/ipam"
	"tap/internal/netconf"
)

// Add makes the attachment that args describe and writes its result to stdout, or
// returns a *types.Error and leaves the host as it was (CNI specification 1.1,
// section 2, "ADD").
func Add(args *netconf.Args, stdout Stream) error {
	conf, err := netconf.Parse(args) // pure: until it succeeds nothing is touched
	if err != nil {
		return cniError(err)
	}
	delegate, err := findIPAM(conf, args.Path)
	if err != nil {
		return cniError(err)
	}
	signals := newSignals()
	if delegate != nil || outlivesUs(conf.Tap) {
		signals.catch()
	} else {
		signals.ignore()
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

	lease := startIPAM(signals.ctx, delegate, conf, args.StdinData) // its process runs while the device is configured
	if err := tap.attach(signals, lease, stdout); err != nil {
		return tap.undo(signals.ctx, lease, err)
	}
	return nil
}

// undoTime is what releasing the address may take once we are told to end.
const undoTime = 5 * time.Second

// undo takes back what a failed ADD did, and returns its error with those of the
// undo. Whatever those are, the failure tells the code.
func (t *tap) undo(ctx context.Context, lease *ipam.Lease, failure error) error {
	undoing, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	// the signal may have come, or come while the undo hangs
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(undoTime, func() { giveUp(fmt.Errorf("%v after %w", undoTime, context.Cause(ctx))) })
	})()
	err := failure
	if undoErr := t.takeBack(undoing, lease); undoErr != nil {
		err = fmt.Errorf("%w; %v", failure, undoErr) //nolint:errorlint // its cause is not that of the failure
	}
	err = cniError(err)
	if errors.Is(failure, errPending) {
		// The result may still be on its way, and must not be followed by an error
		// object: it dies with us.
		notice("%v", err)
		os.Exit(1)
	}
	return err
}

// attach makes of a new device what was asked for. What it leaves half done its caller
// takes back, with the egress device and the reservation; only lo it restores itself.
func (t *tap) attach(signals *signals, lease *ipam.Lease, stdout Stream) error {
	if err := t.configure(); err != nil {
		return err
	}
	if err := t.noticeBridge(); err != nil {
		return err
	}
	assigned, err := lease.Wait()
	if err != nil {
		return err
	}
	if err := t.address(signals.ctx, assigned); err != nil {
		return err
	}
	link, err := t.conn.LinkByIndex(t.link.Index) // what the kernel made of it, not what was asked for
	if err != nil {
		return about(errDevice, err)
	}
	if link.Name != t.conf.Tap.Name {
		return about(errDevice, fmt.Errorf("tap %q was renamed to %q meanwhile", t.conf.Tap.Name, link.Name))
	}
	result, err := newResult(t.conf, link, t.egress, t.target, assigned) // in the version asked for: from here only the writing can fail
	if err != nil {
		return err
	}
	restore, err := t.enableLoopback(assigned)
	if err != nil {
		return err
	}
	if err := t.commit(signals, result, stdout); err != nil {
		return errors.Join(err, restore())
	}
	return nil
}

// commit makes the device permanent and hands the result over. A result that
// nobody received is a failed ADD.
func (t *tap) commit(signals *signals, result []byte, stdout Stream) error {
	atOnce := stdout.takes(len(result))
	if !atOnce && !signals.caught { // we may have to wait for the reader
		signals.catch()
	}
	if err := interrupted(signals.ctx); err != nil {
		return err
	}
	if err := t.persist(); err != nil {
		return err
	}
	if err := t.takeOver(); err != nil {
		return err
	}
	if atOnce {
		return write(stdout, result)
	}
	return writeUntil(signals.ctx, stdout, result)
}

// resultTime is what a result that is being written may take once we were told to end.
const resultTime = 100 * time.Millisecond

func write(stdout Stream, result []byte) error {
	if _, err := stdout.Write(result); err != nil {
		return about(errWrite, fmt.Errorf("write the result: %w", err))
	}
	return nil
}

// writeUntil does not wait for a reader that has stopped to read once ctx has ended:
// everything can still be undone. A result that is written counts, signal or not.
func writeUntil(ctx context.Context, stdout Stream, result []byte) error {
	written := make(chan error, 1)
	go func() { written <- write(stdout, result) }()
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-written:
		return err
	case <-time.After(resultTime):
		return fmt.Errorf("%w: %w: %w", errPending, errInterrupted, context.Cause(ctx))
	}
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
