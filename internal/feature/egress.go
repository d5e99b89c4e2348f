package feature

import (
	"context"
	"errors"

	"tap/internal/netdev"
	"tap/internal/plan"
)

// addEgress creates and configures the egress device.
func (a *Attachment) addEgress(want *plan.Device) error {
	a.Undo.Push(func(context.Context) error { return a.deleteEgress(want) })
	if err := a.createEgress(want); err != nil {
		return err
	}
	device, err := a.Conn.LinkByName(want.Name)
	if err != nil {
		return err
	}
	a.Found[plan.Egress] = device
	if err := a.prepare(plan.Egress); err != nil {
		return err
	}
	if err := a.addTC(plan.Egress); err != nil {
		return err
	}
	return a.Conn.Up(device.Index)
}

// createEgress creates the egress device. It replaces one that exists: an ADD of this attachment that was
// killed left it behind, and its tap, whose name is the lock, is gone.
func (a *Attachment) createEgress(want *plan.Device) error {
	err := a.Conn.Add(want.Name, want.Kind)
	if !errors.Is(err, netdev.ErrExists) {
		return err
	}
	free, deleteErr := a.deleteOrphan(want)
	if deleteErr != nil || !free {
		return errors.Join(err, deleteErr)
	}
	return a.Conn.Add(want.Name, want.Kind)
}

func (a *Attachment) deleteEgress(want *plan.Device) error {
	if device := a.Found[plan.Egress]; device != nil {
		return a.Conn.Delete(device.Index)
	}
	_, err := a.deleteOrphan(want) // it was not read back, and may not exist
	return err
}

// deleteOrphan deletes an egress device by its name, and reports whether the name is free now. It keeps a
// device of another kind, and the egress device of an existing attachment whose tap was renamed.
func (a *Attachment) deleteOrphan(want *plan.Device) (bool, error) {
	exists, err := a.HasOtherDevice()
	if err != nil || exists {
		return false, err
	}
	device, err := a.Conn.LinkByName(want.Name)
	switch {
	case errors.Is(err, netdev.ErrNotFound): // a concurrent GC or DEL has removed it
		return true, nil
	case err != nil || device.Name != want.Name || device.Kind != want.Kind:
		return false, err
	}
	return true, a.Conn.Delete(device.Index)
}
