// Package feature is what an attachment can have, a file each, and what they share: the
// attachment in the making, its undo, and the sweep that removes it later.
package feature

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/plan"
	"tap/internal/tuntap"
)

var (
	deviceFault = cni.Kind{Code: cni.CodeDevice, Advice: "tap needs CAP_NET_ADMIN, /dev/net/tun (modprobe tun) and a kernel that takes the values of the configuration"}
	netnsFault  = cni.Kind{Code: types.ErrInvalidNetNS, Advice: "CNI_NETNS must lead to a network namespace that exists, such as /run/netns/NAME or /proc/PID/ns/net"}
	enterFault  = cni.Kind{Code: types.ErrInvalidNetNS, Advice: "entering a namespace needs CAP_SYS_ADMIN in the user namespace that owns it, and a free descriptor"}
	ownFault    = cni.Kind{Code: types.ErrInvalidNetNS, Advice: "CNI_NETNS must name the container's network namespace; CNI_NETNS_OVERRIDE=1 allows the plugin's own"}
)

// Attachment is an attachment in the making: until Persist it lives as long as its file.
type Attachment struct {
	Conf    *netconf.Config
	Sandbox *netns.Sandbox
	Conn    *netdev.Conn // dialled in the namespace
	Want    *plan.Desired
	Found   map[plan.Ref]*netdev.Link // what the kernel made of Want, and what was there before
	Undo    Undo

	features []Feature
	file     *tuntap.File // opened in the namespace
	loaded   *loaded      // programs for an interface that is hooked at the commit
	onClose  []func()
}

// Open looks at what is there in the container's namespace, and plans. It makes nothing.
func Open(conf *netconf.Config, sandbox *netns.Sandbox) (*Attachment, error) {
	a := newAttachment(conf, sandbox, All())
	if err := enter(sandbox.DoHere, a.open); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func newAttachment(conf *netconf.Config, sandbox *netns.Sandbox, features []Feature) *Attachment {
	return &Attachment{Conf: conf, Sandbox: sandbox, Want: plan.New(), Found: map[plan.Ref]*netdev.Link{}, features: features}
}

// OpenTrial is Open for STATUS, which first makes what other plugins make before an ADD.
func OpenTrial(conf *netconf.Config, sandbox *netns.Sandbox) (*Attachment, error) {
	a := newAttachment(conf, sandbox, All())
	err := enter(sandbox.DoHere, func() error {
		conn, err := netdev.Dial()
		if err != nil {
			return deviceFault.Of(err)
		}
		a.Conn = conn
		if err := a.each(func(f Feature) func(*Attachment) error { return f.Try }); err != nil {
			return err
		}
		return a.open()
	})
	if err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// TryDriver asks the driver before anything is made of it.
func TryDriver(conf *netconf.Config) error {
	device, err := tuntap.Open()
	if err != nil {
		return tunFault(err)
	}
	defer device.Close()
	return tunFault(device.Supports(conf.Tap.MultiQueue))
}

// open is done on a thread in the namespace.
func (a *Attachment) open() error {
	var err error
	if a.Conn == nil {
		if a.Conn, err = netdev.Dial(); err != nil {
			return deviceFault.Of(err)
		}
	}
	if err := a.each(func(f Feature) func(*Attachment) error { return f.Find }); err != nil {
		return err
	}
	if err := a.each(func(f Feature) func(*Attachment) error { return f.Refuse }); err != nil {
		return err
	}
	if err := a.plan(); err != nil {
		return err
	}
	if a.file, err = tuntap.Open(); err != nil {
		return tunFault(err)
	}
	return nil
}

// Tap is the tap as the kernel made it.
func (a *Attachment) Tap() *netdev.Link { return a.Found[plan.Tap] }

// ReadBack is what the kernel made of the tap.
func (a *Attachment) ReadBack() (*netdev.Link, error) {
	link, err := a.Conn.LinkByIndex(a.Tap().Index)
	if err != nil {
		return nil, deviceFault.Of(err)
	}
	if name := a.Want.Device(plan.Tap).Name; link.Name != name {
		return nil, deviceFault.Of(fmt.Errorf("tap %q was renamed to %q meanwhile", name, link.Name))
	}
	return link, nil
}

// livesOn says whether another device has the alias: the attachment was there before, and
// lives on renamed.
func (a *Attachment) livesOn(links []*netdev.Link) bool {
	return slices.ContainsFunc(links, func(l *netdev.Link) bool {
		return l.IsTap() && l.Alias == a.Conf.Alias() && (a.Tap() == nil || l.Index != a.Tap().Index)
	})
}

// LivesOn is livesOn of now.
func (a *Attachment) LivesOn() (bool, error) {
	links, err := a.Conn.Links()
	return err == nil && a.livesOn(links), err
}

// Close lets go of everything; an uncommitted tap vanishes.
func (a *Attachment) Close() {
	for _, f := range slices.Backward(a.onClose) {
		f()
	}
	if a.Conn != nil {
		a.Conn.Close()
	}
	if a.file != nil {
		a.file.Close()
	}
}

// OpenSandbox opens the container's namespace and refuses the plugin's own.
func OpenSandbox(conf *netconf.Config) (*netns.Sandbox, error) {
	sandbox, err := netns.Open(conf.Netns)
	if err != nil {
		return nil, netnsFault.Of(err)
	}
	if err := RefuseOwn(conf, sandbox); err != nil {
		sandbox.Close()
		return nil, err
	}
	return sandbox, nil
}

// RefuseOwn refuses the plugin's own namespace, unless it is allowed.
func RefuseOwn(conf *netconf.Config, sandbox *netns.Sandbox) error {
	if conf.OwnNetnsAllowed {
		return nil
	}
	own, err := sandbox.IsOwn()
	if err == nil && own {
		return ownFault.Of(fmt.Errorf("CNI_NETNS=%s is %w", conf.Netns, netns.ErrOwn))
	}
	return netnsFault.Of(err)
}

// NetnsError makes err a fault about the container's namespace.
func NetnsError(err error) error {
	if errors.Is(err, netns.ErrEnter) {
		return enterFault.Of(err)
	}
	return netnsFault.Of(err)
}

// DialIn opens a route netlink socket in a namespace.
func DialIn(sandbox *netns.Sandbox) (*netdev.Conn, error) {
	var conn *netdev.Conn
	err := enter(sandbox.Do, func() error {
		var err error
		conn, err = netdev.Dial()
		return err
	})
	if err != nil {
		return nil, deviceFault.Of(fmt.Errorf("namespace %s: %w", sandbox.Path(), err))
	}
	return conn, nil
}

// enter runs f in a namespace by one of its two ways in.
func enter(do func(func() error) error, f func() error) error {
	err := do(f)
	if errors.Is(err, netns.ErrEnter) {
		return enterFault.Of(err)
	}
	return err
}

// In runs f on a thread in the attachment's namespace.
func (a *Attachment) In(f func() error) error { return enter(a.Sandbox.Do, f) }

// Undo is what takes back what was done, the last first. The tap is first, and so goes
// last: while its name is taken no other ADD of this attachment can begin, whose
// reservation and egress device are not to be told from ours.
type Undo struct{ steps []func(context.Context) error }

// On registers how to take back what is about to be done: before it is tried, since
// something may be done although it failed.
func (u *Undo) On(f func(context.Context) error) { u.steps = append(u.steps, f) }

// Run takes everything back, whatever fails.
func (u *Undo) Run(ctx context.Context) error {
	var failed []error
	for _, f := range slices.Backward(u.steps) {
		if err := f(ctx); err != nil {
			failed = append(failed, fmt.Errorf("undo: %w", err))
		}
	}
	u.steps = nil
	return errors.Join(failed...)
}

func tunFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tuntap.ErrExists):
		return cni.Kind{Code: cni.CodeNameTaken, Advice: "it was left as it was: choose another name, or delete it (the alias that ip link shows says whose a tap is); where an earlier plugin of the chain made it, name the tap with the key tapName"}.Of(err)
	case errors.Is(err, tuntap.ErrNoDriver):
		return cni.Kind{Code: cni.CodeDevice, Advice: "load the driver: modprobe tun (and mknod /dev/net/tun c 10 200 where udev does not make it)"}.Of(err)
	case errors.Is(err, tuntap.ErrLacks):
		return cni.Kind{Code: cni.CodeDevice, Advice: "this needs a newer kernel, or a configuration without multiQueue"}.Of(err)
	}
	return deviceFault.Of(err)
}

// gone makes no error of a device that was deleted, or moved away where our file still has it.
func gone(err error) error {
	if errors.Is(err, netdev.ErrNotFound) || errors.Is(err, unix.EBADFD) {
		return nil
	}
	return err
}
