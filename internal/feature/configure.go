package feature

import (
	"context"
	"errors"
	"fmt"

	"tap/internal/netdev"
	"tap/internal/plan"
)

// Configure applies the plan to the tap and the egress device, and brings both up. It loads the programs for
// the pod's interface, so that a kernel that rejects them does so before the commit.
func (a *Attachment) Configure() error {
	if err := a.configure(); err != nil {
		return fmt.Errorf("configure tap %q: %w", a.Conf.Tap.Name, err)
	}
	return nil
}

// configure sets the alias of the tap before it creates the egress device, so that a concurrent GC can tell
// to which attachment that device belongs. The tap comes up when all else is set.
func (a *Attachment) configure() error {
	tap, index := a.Want.Device(plan.Tap), a.Tap().Index
	a.Undo.Push(func(context.Context) error { return ignoreMissing(a.Conn.Down(index)) })
	if err := a.writeSysctls(); err != nil { // before the MTU, which may remove IPv6 from the tap
		return err
	}
	if err := a.prepare(plan.Tap); err != nil {
		return tap.By.Kind.Wrap(portError(a.nameRejected(err)))
	}
	if egress := a.Want.Devices[plan.Egress]; egress != nil {
		if err := a.addEgress(egress); err != nil {
			return egress.By.Kind.Wrap(fmt.Errorf("%s: %w", egress.By.Key, err))
		}
	}
	if err := a.addTC(plan.Tap); err != nil {
		return err
	}
	if err := a.Conn.Up(index); err != nil {
		return tap.By.Kind.Wrap(err)
	}
	return a.loadInterfaceHooks()
}

// prepare applies the planned settings to a device that this ADD created.
func (a *Attachment) prepare(role plan.Role) error {
	settings, link := a.Want.Device(role).Settings, a.Found[role]
	// A device without IPv6 rejects the setting; it gets no link-local address either.
	settings.NoLinkLocal = settings.NoLinkLocal && link.IPv6 != nil && (settings.MTU == 0 || settings.MTU >= minMTUIPv6)
	return a.Conn.Prepare(link.Index, settings)
}

// nameRejected adds to the error of a request with several settings the setting that the kernel rejected.
func (a *Attachment) nameRejected(err error) error {
	var several *netdev.SettingsError
	if !errors.As(err, &several) {
		return err
	}
	link, readErr := a.Conn.LinkByIndex(a.Tap().Index)
	if readErr != nil {
		return err // the device was deleted, which err says
	}
	return fmt.Errorf("set %s: %w", plan.Unapplied(a.Want.Device(plan.Tap), link), err)
}
