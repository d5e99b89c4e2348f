package feature

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"tap/internal/bpf"
	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
	"tap/internal/selinux"
	"tap/internal/tuntap"
)

// What follows makes the devices of a plan. It is the only owner of their queues and
// filters, and knows no feature.

// Make makes the tap, whose name is the lock on the attachment, what is beside it and
// everything on both, up to the commit.
func (a *Attachment) Make() error {
	if err := a.create(); err != nil {
		return fmt.Errorf("create tap %q in %s: %w", a.Conf.Tap.Name, a.Conf.Netns, err)
	}
	return nil
}

// Configure gives the devices what was planned, and brings them up. The tap has its alias
// before its egress device is made: so GC knows whose that is.
func (a *Attachment) Configure() error {
	if err := a.configure(); err != nil {
		return fmt.Errorf("configure tap %q: %w", a.Conf.Tap.Name, err)
	}
	return nil
}

func (a *Attachment) configure() error {
	tap, index := a.Want.Device(plan.Tap), a.Tap().Index
	set := a.Conn.Configure
	if tap.Silent {
		set = a.Conn.Prepare
	}
	a.Undo.On(func(context.Context) error { return gone(a.Conn.Down(index)) })
	if err := set(index, tap.Settings); err != nil {
		if errors.Is(err, netdev.ErrNoVLANFiltering) {
			return filteringFault.Of(err)
		}
		return tap.By.Kind.Of(a.refused(err))
	}
	if egress := a.Want.Devices[plan.Egress]; egress != nil {
		if err := a.beside(plan.Egress, egress); err != nil {
			return egress.By.Kind.Of(fmt.Errorf("limit egress of tap %q: %w", a.Conf.Tap.Name, err))
		}
	}
	if err := a.shape(plan.Tap); err != nil {
		return err
	}
	if tap.Silent {
		if err := a.Conn.UpWithoutAddress(index); err != nil {
			return tap.By.Kind.Of(err)
		}
	}
	return a.load(plan.Interface)
}

// refused adds to the error of a request which of its settings the kernel did not apply.
func (a *Attachment) refused(err error) error {
	var several *netdev.SettingsError
	if !errors.As(err, &several) {
		return err
	}
	link, readErr := a.Conn.LinkByIndex(a.Tap().Index)
	if readErr != nil {
		return err // the device is gone, which the error says
	}
	return fmt.Errorf("set %s: %w", plan.Unapplied(a.Want.Device(plan.Tap), several.Up, link), err)
}

// beside makes a device beside the tap.
func (a *Attachment) beside(ref plan.Ref, want *plan.Device) error {
	a.Undo.On(func(context.Context) error { return a.deleteBeside(ref, want.Name) })
	if err := a.addBeside(want); err != nil {
		return err
	}
	device, err := a.Conn.LinkByName(want.Name)
	if err != nil {
		return err
	}
	a.Found[ref] = device
	if err := a.Conn.SetAlias(device.Index, want.Alias); err != nil {
		return err
	}
	if err := a.shape(ref); err != nil {
		return err
	}
	return a.Conn.UpWithoutAddress(device.Index)
}

// addBeside: a device that is there already was left by an ADD of this attachment that was
// killed: its tap, whose name is the lock, is gone.
func (a *Attachment) addBeside(want *plan.Device) error {
	err := a.Conn.Add(want.Name, want.Kind)
	if !errors.Is(err, netdev.ErrExists) {
		return err
	}
	free, clearErr := a.clear(want.Name)
	if clearErr != nil || !free {
		return errors.Join(err, clearErr)
	}
	return a.Conn.Add(want.Name, want.Kind)
}

func (a *Attachment) deleteBeside(ref plan.Ref, name string) error {
	if device := a.Found[ref]; device != nil {
		return a.Conn.Delete(device.Index)
	}
	_, err := a.clear(name) // not seen, and perhaps not made
	return err
}

// clear deletes the device beside the tap, and says whether its name is free now. Another's
// of that name stays, and so does that of the attachment itself, where it lives on renamed.
func (a *Attachment) clear(name string) (bool, error) {
	links, err := a.Conn.Links()
	if err != nil {
		return false, err
	}
	if a.livesOn(links) {
		return false, nil
	}
	left := slices.IndexFunc(links, func(l *netdev.Link) bool { return l.Name == name })
	switch {
	case left < 0: // removed by a GC or DEL at the same time
		return true, nil
	case links[left].Kind != a.Want.Device(plan.Egress).Kind || name != netconf.EgressName(a.Conf.Alias()):
		return false, nil
	}
	return true, a.Conn.Delete(links[left].Index)
}

// shape gives a device that we made its queues and filters.
func (a *Attachment) shape(ref plan.Ref) error {
	tc, index := a.Want.Device(ref).TC, a.Found[ref].Index
	if tc.Root != (plan.Root{}) {
		err := error(nil)
		if tc.Root.NoQueue {
			err = a.Conn.SendUnqueued(index)
		} else {
			err = a.Conn.LimitSending(index, tc.Root.Limit)
		}
		if err != nil {
			return tc.RootBy().Kind.Of(err)
		}
	}
	if tc.Mirror != plan.None {
		if err := a.Conn.RedirectReceived(index, a.Found[tc.Mirror].Index); err != nil {
			return tc.MirrorBy().Kind.Of(fmt.Errorf("limit egress of tap %q: %w", a.Conf.Tap.Name, err))
		}
	}
	if len(tc.Hooks) == 0 {
		return nil
	}
	programs, err := a.loadHooks(tc)
	defer programs.close() // the filters have them
	if err != nil {
		return err
	}
	_, err = a.Conn.Hook(index, netdev.Hooking{Qdisc: true, Filters: programs.filters})
	return tc.Hooks[0].By.Kind.Of(err)
}

// loaded are filters whose programs the kernel has taken.
type loaded struct {
	filters  []netdev.Filter
	programs []*bpf.Program
}

func (a *Attachment) loadHooks(tc plan.TC) (*loaded, error) {
	all := &loaded{}
	for _, hook := range tc.Hooks {
		program, err := hook.Load(a.Found[hook.Device])
		if errors.Is(err, bpf.ErrUnsupported) {
			return all, cni.Kind{Code: hook.By.Kind.Code, Advice: hook.By.Key + " needs a kernel with CONFIG_BPF_SYSCALL"}.Of(err)
		}
		if err != nil {
			return all, hook.By.Kind.Of(err)
		}
		all.programs = append(all.programs, program)
		all.filters = append(all.filters, netdev.Filter{Hook: hook.At, Name: hook.Name, Program: program.Fd()})
	}
	return all, nil
}

func (l *loaded) close() {
	for _, p := range l.programs {
		p.Close()
	}
}

// load loads the programs of a device that is hooked at the commit: a kernel that refuses
// them does so before.
func (a *Attachment) load(ref plan.Ref) error {
	device := a.Want.Devices[ref]
	if device == nil {
		return nil
	}
	var err error
	a.loaded, err = a.loadHooks(device.TC)
	a.onClose = append(a.onClose, a.loaded.close)
	return err
}

// Persist commits the tap: from here on only the undo takes it back.
func (a *Attachment) Persist() error {
	a.Undo.On(func(context.Context) error { return gone(a.file.Release()) }) // it goes when we are killed
	if err := a.file.Persist(); err != nil {
		return deviceFault.Of(fmt.Errorf("commit tap %q: %w", a.Conf.Tap.Name, err))
	}
	return nil
}

// Connect hooks the interface that others made, in one step: it is the very last before
// the result, and the first that is undone. A filter that leads to a tap that is gone
// would leave a dead interface.
func (a *Attachment) Connect() error {
	want := a.Want.Devices[plan.Interface]
	if want == nil {
		return nil
	}
	iface, made := a.Found[plan.Interface], false
	a.Undo.On(func(context.Context) error { return releaseInterface(a.Conn, iface.Index, a.Conf.IsHook, &made) })
	var err error
	made, err = a.Conn.Hook(iface.Index, netdev.Hooking{Qdisc: !want.TC.Shared, Limit: want.TC.Root.Limit, Filters: a.loaded.filters})
	if errors.Is(err, unix.EEXIST) {
		err = fmt.Errorf("%w: %w", errMeanwhile, err)
	}
	if err == nil {
		_, err = a.Conn.LinkByIndex(a.Tap().Index)
	}
	if err != nil {
		return want.By.Kind.Of(fmt.Errorf("take over interface %q: %w", want.Name, err))
	}
	return nil
}

// create makes the tap under its final name. Who is told that it is taken has made nothing.
func (a *Attachment) create() error {
	want := a.Want.Device(plan.Tap)
	a.Undo.On(func(context.Context) error { return a.deleteTap() })
	if err := createLabelled(a.file, tuntap.Options{Name: want.Name, MultiQueue: want.MultiQueue, Owner: want.Owner, Group: want.Group}, want.Label); err != nil {
		return err
	}
	link, err := a.Conn.LinkByName(want.Name)
	if err != nil {
		return deviceFault.Of(err)
	}
	a.Found[plan.Tap] = link
	if err := checkExclusive(want, link); err != nil {
		return err
	}
	if !want.Shared() {
		return nil
	}
	// what somebody who attached and left again may have changed
	if err := a.file.Reset(); err != nil {
		return deviceFault.Of(err)
	}
	if want.MAC == nil {
		want.MAC, err = randomMAC()
	}
	return deviceFault.Of(err)
}

// createLabelled creates the device under the label asked for, where labels mean something.
func createLabelled(file *tuntap.File, options tuntap.Options, label string) error {
	if label == "" {
		return tunFault(file.Create(options))
	}
	enabled, err := selinux.Enabled()
	if err != nil {
		return deviceFault.Of(err)
	}
	if !enabled {
		cni.Notice("selinuxContext is ignored: this host has no SELinux")
		return tunFault(file.Create(options))
	}
	err = selinux.CreateTap(file, options, label)
	if errors.Is(err, selinux.ErrLabel) {
		return labelFault.Of(err)
	}
	return tunFault(err)
}

// deleteTap takes the device back, also where another process has attached to it, or where
// it may have been made, but could not be read back.
func (a *Attachment) deleteTap() error {
	if a.Tap() == nil {
		name, err := a.file.Name()
		if err != nil {
			return nil // nothing is attached to our file: no device was made
		}
		return a.Conn.DeleteByName(name)
	}
	err := a.Conn.Delete(a.Tap().Index)
	if err == nil || a.file.Release() == nil { // then close does it
		return nil
	}
	return err
}
