package feature

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
	"tap/internal/selinux"
	"tap/internal/tuntap"
)

var (
	deviceKind = cni.Kind{Code: cni.CodeDevice, Advice: "tap needs CAP_NET_ADMIN, /dev/net/tun (modprobe tun) " +
		"and a kernel that accepts the values of the configuration"}
	nameKind = cni.Kind{Code: cni.CodeNameTaken, Advice: "choose another name, or delete the interface, which is unchanged " +
		"(its alias in ip link names the attachment); if an earlier plugin of the chain created it, set tapName"}
	driverKind = deviceKind.With("load the driver: modprobe tun (without udev also: mknod /dev/net/tun c 10 200)")
	sysctlKind = deviceKind.With("mount /proc/sys writable in the mount namespace of the runtime; the file in the message is " +
		"a setting that protects the pod from the guest")
	changedKind = deviceKind.With("mount /proc/sys, or find the process that renamed the tap or changed its MTU during ADD")
	flagsKind   = deviceKind.With("use a newer kernel, or remove multiQueue")
	labelKind   = cni.Kind{Code: cni.CodeLabel, Advice: "selinuxContext must be a context that the policy knows and that may " +
		"execute the plugin and create a tap: ausearch -m AVC shows what was denied, docs/selinux.md what to allow"}
)

// TryDriver returns an error if the driver is missing or lacks a flag that Create will use.
func TryDriver(conf *netconf.Config) error {
	device, err := tuntap.Open()
	if err != nil {
		return tunError(err)
	}
	defer device.Close()
	return tunError(device.CheckFeatures(conf.Tap.MultiQueue))
}

// Create creates the tap under its final name, which is the lock on the attachment. If the name is taken,
// nothing was created.
func (a *Attachment) Create() error {
	if err := a.create(); err != nil {
		return fmt.Errorf("create tap %q in %s: %w", a.Conf.Tap.Name, a.Conf.Netns, err)
	}
	return nil
}

func (a *Attachment) create() error {
	want := a.Want.Device(plan.Tap)
	a.Undo.Push(func(context.Context) error { return a.deleteTap() })
	options := tuntap.Options{Name: want.Name, MultiQueue: want.MultiQueue, Owner: want.Owner, Group: want.Group}
	if err := createLabelled(a.file, options, want.Label); err != nil {
		return err
	}
	link, err := a.Conn.LinkByName(want.Name)
	if err != nil {
		return deviceKind.Wrap(err)
	}
	a.Found[plan.Tap] = link
	if err := checkExclusive(want, link); err != nil {
		return err
	}
	if !want.Exposed() {
		return nil
	}
	// A process that attached and detached may have changed the device.
	if err := a.file.Reset(); err != nil {
		return deviceKind.Wrap(err)
	}
	if want.MAC == nil {
		want.MAC, err = randomMAC()
	}
	return deviceKind.Wrap(err)
}

// createLabelled creates the device under an SELinux label, if the host has SELinux.
func createLabelled(file *tuntap.File, options tuntap.Options, label string) error {
	if label == "" {
		return tunError(file.Create(options))
	}
	enabled, err := selinux.Enabled()
	if err != nil {
		return deviceKind.Wrap(err)
	}
	if !enabled {
		cni.Notice("selinuxContext is ignored: this host has no SELinux")
		return tunError(file.Create(options))
	}
	err = selinux.CreateTap(file, options, label)
	if errors.Is(err, selinux.ErrLabel) {
		return labelKind.Wrap(err)
	}
	return tunError(err)
}

// deleteTap deletes the tap, even if another process is attached to it. It also deletes a tap that was
// created, but could not be read back.
func (a *Attachment) deleteTap() error {
	if a.Tap() == nil {
		name, err := a.file.Name()
		if err != nil {
			return nil // the file has no device: none was created
		}
		return a.Conn.DeleteByName(name)
	}
	err := a.Conn.Delete(a.Tap().Index)
	if err == nil {
		return nil
	}
	releaseErr := a.file.Release()
	if releaseErr == nil {
		return nil // Close deletes the tap
	}
	return errors.Join(err, releaseErr)
}

// ReadBack returns the tap as it is now in the kernel.
func (a *Attachment) ReadBack() (*netdev.Link, error) {
	link, err := a.Conn.LinkByIndex(a.Tap().Index)
	if err != nil {
		return nil, deviceKind.Wrap(err)
	}
	if name := a.Want.Device(plan.Tap).Name; link.Name != name {
		return nil, deviceKind.Wrap(fmt.Errorf("tap %q was renamed to %q by another process", name, link.Name))
	}
	return link, nil
}

// Persist commits the tap: from now on it outlives the process, unless it is undone.
func (a *Attachment) Persist() error {
	// After Release the tap disappears when the process is killed.
	a.Undo.Push(func(context.Context) error { return ignoreMissing(a.file.Release()) })
	if err := a.file.Persist(); err != nil {
		return deviceKind.Wrap(fmt.Errorf("commit tap %q: %w", a.Conf.Tap.Name, err))
	}
	return nil
}

// tunError adds code and advice to an error of the driver.
func tunError(err error) error {
	switch {
	case errors.Is(err, tuntap.ErrExists):
		return nameKind.Wrap(err)
	case errors.Is(err, tuntap.ErrNoDriver):
		return driverKind.Wrap(err)
	case errors.Is(err, tuntap.ErrUnsupported):
		return flagsKind.Wrap(err)
	}
	return deviceKind.Wrap(err)
}

// ignoreMissing returns nil for a device that was deleted, or that was moved to another namespace while the
// file still has it.
func ignoreMissing(err error) error {
	if errors.Is(err, netdev.ErrNotFound) || errors.Is(err, unix.EBADFD) {
		return nil
	}
	return err
}
