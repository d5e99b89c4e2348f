package feature

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tap/internal/bpf"
	"tap/internal/cni"
	"tap/internal/netdev"
	"tap/internal/plan"
)

// addTC adds the planned qdiscs and filters to a device that this ADD created.
func (a *Attachment) addTC(role plan.Role) error {
	tc, index := a.Want.Device(role).TC, a.Found[role].Index
	var err error
	switch {
	case tc.Root.NoQueue:
		err = a.Conn.SetNoqueue(index)
	case tc.Root != (plan.Root{}):
		err = a.Conn.AddTBF(index, tc.Root.Limit)
	}
	if err != nil {
		return tc.RootBy.Kind.Wrap(err)
	}
	if tc.Mirror != plan.None {
		if err := a.Conn.MirrorIngress(index, a.Found[tc.Mirror].Index); err != nil {
			return tc.MirrorBy.Kind.Wrap(fmt.Errorf("%s: %w", tc.MirrorBy.Key, err))
		}
	}
	if len(tc.Hooks) == 0 {
		return nil
	}
	hooks, err := a.loadHooks(tc)
	defer hooks.close() // the filters keep the programs
	if err != nil {
		return err
	}
	_, err = a.Conn.Hook(index, netdev.HookRequest{Qdisc: true, Filters: hooks.filters})
	return tc.Hooks[0].By.Kind.Wrap(err)
}

// loadInterfaceHooks loads the programs that ApplyAfterCommit will install.
func (a *Attachment) loadInterfaceHooks() error {
	iface := a.Want.Devices[plan.Interface]
	if iface == nil {
		return nil
	}
	var err error
	a.interfaceHooks, err = a.loadHooks(iface.TC)
	a.onClose = append(a.onClose, a.interfaceHooks.close)
	return err
}

// ApplyAfterCommit adds the planned qdiscs and filters to the pod's interface, in one message to the kernel. It
// is the last step before the result and the first that is undone, because a filter that leads to a deleted
// tap would leave a dead interface.
func (a *Attachment) ApplyAfterCommit() error {
	want := a.Want.Devices[plan.Interface]
	if want == nil {
		return nil
	}
	iface, madeQdisc := a.Found[plan.Interface], false
	a.Undo.Push(func(context.Context) error { return releaseInterface(a.Conn, iface.Index, a.Conf.IsHook, madeQdisc) })
	var err error
	madeQdisc, err = a.Conn.Hook(iface.Index,
		netdev.HookRequest{Qdisc: !want.TC.HasClsact, Limit: want.TC.Root.Limit, Filters: a.interfaceHooks.filters})
	if errors.Is(err, unix.EEXIST) {
		err = concurrentChange(want.By, err)
	}
	if err == nil {
		_, err = a.Conn.LinkByIndex(a.Tap().Index) // a concurrent DEL or GC may have deleted the tap
	}
	if err != nil {
		return want.By.Kind.Wrap(fmt.Errorf("%s interface %q: %w", want.By.Key, want.Name, err))
	}
	return nil
}

// concurrentChange adds to err that another process changes the same device.
func concurrentChange(by plan.Need, err error) error {
	return by.Kind.With(cni.MayTryAgain).Wrap(fmt.Errorf("modified concurrently by another process: %w", err))
}

// loadedHooks are filters whose BPF programs are loaded, but not installed.
type loadedHooks struct {
	filters  []netdev.Filter
	programs []*bpf.Program
}

// loadHooks loads the programs of hooks. After an error it returns the programs that it has loaded, which the
// caller must close.
func (a *Attachment) loadHooks(tc plan.TC) (*loadedHooks, error) {
	hooks := &loadedHooks{}
	for _, hook := range tc.Hooks {
		program, err := hook.Load(a.Found[hook.Device])
		if errors.Is(err, bpf.ErrUnsupported) {
			return hooks, hook.By.Kind.With(hook.By.Key + " needs a kernel with CONFIG_BPF_SYSCALL").Wrap(err)
		}
		if err != nil {
			return hooks, hook.By.Kind.Wrap(err)
		}
		hooks.programs = append(hooks.programs, program)
		hooks.filters = append(hooks.filters, netdev.Filter{Hook: hook.At, Name: hook.Name, Program: program.Fd()})
	}
	return hooks, nil
}

func (l *loadedHooks) close() {
	for _, p := range l.programs {
		p.Close()
	}
}
