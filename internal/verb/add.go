// Package verb implements the verbs of the CNI specification, one file each. It decides what is done in which
// order; the packages below know how.
package verb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/ipam"
	"tap/internal/netconf"
	"tap/internal/plan"
	"tap/internal/result"
)

// Add creates the attachment that args describe, and writes its result to stdout. If it returns an error, the
// host is as it was before (CNI specification 1.1, section 2, "ADD").
func Add(args *netconf.Args, stdout cni.FDWriter) error {
	conf, err := netconf.Parse(args) // pure: an invalid configuration changes nothing
	if err != nil {
		return err
	}
	delegate, err := findIPAM(conf, args.Path)
	if err != nil {
		return err
	}
	signals := cni.NewSignals()
	if delegate != nil || feature.NeedsUndo(conf.Tap) {
		signals.Catch()
	}
	sandbox, err := feature.OpenSandbox(conf)
	if err != nil {
		return err
	}
	defer sandbox.Close()
	stop := func() error { return cni.Interrupted(signals.Context) }
	a, err := feature.Open(conf, sandbox, stop) // locks, validates and plans; creates nothing
	if err != nil {
		return err
	}
	defer a.Close() // until Persist, the kernel removes the tap if the process dies

	add := &attempt{Attachment: a, signals: signals, stdout: stdout}
	if err := add.run(delegate, args.StdinData); err != nil {
		return add.undo(err)
	}
	return nil
}

// attempt is one execution of ADD.
type attempt struct {
	*feature.Attachment
	signals *cni.Signals
	stdout  cni.FDWriter
}

// run executes ADD. On error the caller must undo what it did.
func (a *attempt) run(delegate *ipam.Plugin, stdin []byte) error {
	if err := a.Create(); err != nil { // the name is the lock: if it is taken, nothing else has started
		return err
	}
	lease := a.startIPAM(delegate, stdin) // the IPAM plugin runs while the devices are configured
	if err := a.Configure(); err != nil {
		return err
	}
	if err := a.Notice(); err != nil {
		return err
	}
	assigned, err := lease.Wait()
	if err != nil {
		return err
	}
	if err := a.ApplyIPAM(assigned); err != nil {
		return err
	}
	tap, err := a.ReadBack() // the result contains what the kernel has, not what was requested
	if err != nil {
		return err
	}
	answer, err := result.New(a.Conf,
		result.Parts{Tap: tap, Egress: a.Found[plan.Egress], Interface: a.Found[plan.Interface], Assigned: assigned})
	if err != nil {
		return err
	}
	if err := a.EnableLoopback(assigned); err != nil {
		return err
	}
	return a.commit(answer)
}

// startIPAM starts ADD of the IPAM plugin. The undo keeps the reservation if it belongs to an existing
// attachment whose tap was renamed.
func (a *attempt) startIPAM(delegate *ipam.Plugin, stdin []byte) *ipam.Lease {
	if delegate == nil {
		return nil
	}
	lease := delegate.Start(a.signals.Context, ipamCall(a.Conf, stdin))
	a.Undo.Push(func(ctx context.Context) error {
		exists, err := a.HasOtherDevice()
		if exists {
			lease.Keep()
			return nil
		}
		return errors.Join(err, lease.Release(ctx))
	})
	return lease
}

// commit makes the attachment permanent and writes the result. ADD fails if the runtime does not read it. An ADD
// that has nothing to undo ignores signals from here on.
func (a *attempt) commit(answer []byte) error {
	mustWait := !a.stdout.HasRoom(len(answer))
	if mustWait {
		a.signals.Catch()
	}
	a.signals.Ignore() // if they are not caught
	if err := cni.Interrupted(a.signals.Context); err != nil {
		return err
	}
	if err := a.Persist(); err != nil {
		return err
	}
	if err := a.ApplyAfterCommit(); err != nil {
		return err
	}
	if mustWait {
		return cni.WriteUntil(a.signals.Context, a.stdout, answer)
	}
	return cni.Write(a.stdout, answer)
}

// undoGrace is how long the undo may take after a signal.
const undoGrace = 5 * time.Second

// undo restores the host after a failed ADD. The CNI error code is that of failure; errors of the undo only
// appear in the message.
func (a *attempt) undo(failure error) error {
	signaled := a.signals.Context
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(signaled))
	defer cancel(nil)
	// The signal may have arrived already, or may arrive while the undo hangs.
	defer context.AfterFunc(signaled, func() {
		time.AfterFunc(undoGrace, func() { cancel(fmt.Errorf("%v after %w", undoGrace, context.Cause(signaled))) })
	})()
	a.Conn.StopWhen(func() error { return cni.Interrupted(ctx) })
	if err := a.Undo.Run(ctx); err != nil {
		return fmt.Errorf("%w; %v", failure, err) //nolint:errorlint // only failure decides the code
	}
	return failure
}
