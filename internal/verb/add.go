// Package verb is the verbs of the CNI specification, a file each. It knows what to do in
// which order; the packages below know how.
package verb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/ipam"
	"tap/internal/netconf"
	"tap/internal/plan"
	"tap/internal/result"
)

// Add makes the attachment that args describe and writes its result to stdout, or
// returns an error and leaves the host as it was (CNI specification 1.1, section 2, "ADD").
func Add(args *netconf.Args, stdout cni.FDWriter) error {
	conf, err := netconf.Parse(args) // pure: until it succeeds nothing is touched
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
	} else {
		signals.Ignore()
	}
	sandbox, err := feature.OpenSandbox(conf)
	if err != nil {
		return err
	}
	defer sandbox.Close()
	a, err := feature.Open(conf, sandbox) // looks, refuses and plans: nothing is made
	if err != nil {
		return err
	}
	defer a.Close() // until Persist, a death here gives the device back to the kernel

	add := &adding{Attachment: a, signals: signals, stdout: stdout}
	if err := add.run(delegate, args.StdinData); err != nil {
		return add.undo(err)
	}
	return nil
}

// adding is an ADD under way.
type adding struct {
	*feature.Attachment
	signals *cni.Signals
	stdout  cni.FDWriter
}

// run is what ADD does. What it leaves half done the undo takes back.
func (a *adding) run(delegate *ipam.Plugin, stdin []byte) error {
	if err := a.Create(); err != nil { // the name is the lock: a taken one is an error, and nothing else was started
		return err
	}
	lease := a.startIPAM(delegate, stdin) // its process runs while the device is configured
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
	if err := a.ApplyIPAM(a.signals.Context, assigned); err != nil {
		return err
	}
	tap, err := a.ReadBack() // what the kernel made of it, not what was asked for
	if err != nil {
		return err
	}
	answer, err := result.New(a.Conf, result.Parts{Tap: tap, Egress: a.Found[plan.Egress], Interface: a.Found[plan.Interface], Assigned: assigned})
	if err != nil {
		return err
	}
	if err := a.EnableLoopback(assigned); err != nil {
		return err
	}
	return a.commit(answer)
}

// startIPAM starts the IPAM plugin's ADD. Where the attachment lives on, the reservation is
// that one's.
func (a *adding) startIPAM(delegate *ipam.Plugin, stdin []byte) *ipam.Lease {
	if delegate == nil {
		return nil
	}
	lease := delegate.Start(a.signals.Context, ipamCall(a.Conf, stdin))
	a.Undo.Push(func(ctx context.Context) error {
		livesOn, err := a.HasOtherDevice()
		if livesOn {
			lease.Keep()
			return nil
		}
		return errors.Join(err, lease.Release(ctx))
	})
	return lease
}

// commit makes the device permanent and hands the result over. A result that nobody
// received is a failed ADD.
func (a *adding) commit(answer []byte) error {
	atOnce := a.stdout.HasRoom(len(answer))
	if !atOnce { // we may have to wait for the reader
		a.signals.Catch()
	}
	if err := cni.Interrupted(a.signals.Context); err != nil {
		return err
	}
	if err := a.Persist(); err != nil {
		return err
	}
	if err := a.HookInterface(); err != nil {
		return err
	}
	if atOnce {
		return cni.Write(a.stdout, answer)
	}
	return cni.WriteUntil(a.signals.Context, a.stdout, answer)
}

// undoTime is what releasing the address may take once we are told to end.
const undoTime = 5 * time.Second

// undo takes back what a failed ADD did, and returns its error with those of the undo.
// Whatever those are, the failure tells the code.
func (a *adding) undo(failure error) error {
	ctx := a.signals.Context
	undoing, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	// the signal may have come, or come while the undo hangs
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(undoTime, func() { giveUp(fmt.Errorf("%v after %w", undoTime, context.Cause(ctx))) })
	})()
	err := failure
	if undoErr := a.Undo.Run(undoing); undoErr != nil {
		err = fmt.Errorf("%w; %v", failure, undoErr) //nolint:errorlint // its cause is not that of the failure
	}
	return err
}

// findIPAM finds the IPAM plugin of the configuration; nil where it names none.
func findIPAM(conf *netconf.Config, cniPath string) (*ipam.Plugin, error) {
	if conf.IPAM == "" {
		return nil, nil
	}
	return ipam.Find(conf.IPAM, cniPath)
}

func ipamCall(conf *netconf.Config, stdin []byte) ipam.Call {
	return ipam.Call{Stdin: stdin, Env: os.Environ(), CNIVersion: conf.CNIVersion}
}
