package feature

import (
	"context"
	"errors"
	"io/fs"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

// newProtection returns the feature that sets the sysctls which protect the pod from the guest: the guest cannot
// change routes and addresses of the pod or send through it, and without IPAM the pod's kernel has no address on
// the tap. All are set before the tap comes up.
func newProtection() Feature { return Feature{Plan: planProtection} }

func planProtection(a *Attachment) error {
	asked, tap := a.Conf.Tap, a.Want.Device(plan.Tap)
	tap.IPv4 = append(tap.IPv4,
		netdev.IPv4Setting{Sysctl: netdev.IPv4AcceptRedirects}, // see disableAllRedirects
		netdev.IPv4Setting{Sysctl: netdev.IPv4AcceptSourceRoute},
		netdev.IPv4Setting{Sysctl: netdev.IPv4ARPAccept},
		netdev.IPv4Setting{Sysctl: netdev.IPv4BootpRelay},
		netdev.IPv4Setting{Sysctl: netdev.IPv4ProxyARPPVLAN},
		netdev.IPv4Setting{Sysctl: netdev.IPv4RouteLocalnet},
	)
	if !asked.Forward {
		tap.IPv4 = append(tap.IPv4,
			netdev.IPv4Setting{Sysctl: netdev.IPv4Forwarding},
			netdev.IPv4Setting{Sysctl: netdev.IPv4ProxyARP},
			netdev.IPv4Setting{Sysctl: netdev.IPv4ARPIgnore, Value: 1}, // answer only for the addresses of the tap
		)
	}
	if a.Conf.IPAM != "" { // send a gratuitous ARP for each address when the link comes up
		tap.IPv4 = append(tap.IPv4, netdev.IPv4Setting{Sysctl: netdev.IPv4ARPNotify, Value: 1})
	}
	tap.IPv6Off = []netdev.IPv6Sysctl{netdev.IPv6AcceptRedirects, netdev.IPv6AcceptSourceRoute}
	if !asked.Forward {
		tap.IPv6Off = append(tap.IPv6Off, netdev.IPv6ForceForwarding, netdev.IPv6ProxyNDP)
	}
	if !asked.AcceptRA {
		tap.IPv6Off = append(tap.IPv6Off, netdev.IPv6AcceptRA, netdev.IPv6Autoconf)
	}
	tap.NoLinkLocal = a.Conf.IPAM == "" && !asked.AcceptRA // an address that is added later works
	return nil
}

// disableIPv6Sysctls sets the planned sysctls of the new tap to 0. It runs on the calling thread: it is called
// before the IPAM plugin starts, which would inherit the namespace if the thread could not return to its own.
func (a *Attachment) disableIPv6Sysctls() error {
	link, sysctls := a.Tap(), a.Want.Device(plan.Tap).IPv6Off
	if link.IPv6 == nil || len(sysctls) == 0 {
		return nil
	}
	err := enter(a.Sandbox.DoInPlace, func() error { return netdev.DisableIPv6Sysctls(link, sysctls) })
	if errors.Is(err, fs.ErrNotExist) {
		return changedKind.Wrap(err)
	}
	return sysctlKind.Wrap(err)
}

// ConfigureNetns changes settings of the namespace that are not settings of the tap. It is the last step before
// the commit, so that a process that is killed changes as little as possible.
func (a *Attachment) ConfigureNetns(assigned *current.Result) error {
	if err := a.disableAllRedirects(); err != nil {
		return err
	}
	return a.enableLoopback(assigned)
}

// disableAllRedirects makes each device decide alone whether it accepts IPv4 redirects: while a device does not
// forward, the kernel accepts them if the device or "all" does, also about routes over other devices. As a port
// of a bridge and in redirect mode the tap passes no frames to the kernel's IP stack.
func (a *Attachment) disableAllRedirects() error {
	if a.Conf.Tap.Redirect || a.Conf.Tap.Bridge != "" {
		return nil
	}
	run := a.Sandbox.Do
	if a.Conf.IPAM == "" { // the undo starts no process, which would inherit the namespace
		run = a.Sandbox.DoInPlace
	}
	changed := false
	a.Undo.Push(func(context.Context) error {
		if !changed {
			return nil
		}
		return a.enableAllRedirects()
	})
	return sysctlKind.Wrap(enter(run, func() error {
		var err error
		changed, err = netdev.DisableAllIPv4Redirects()
		return err
	}))
}

// enableAllRedirects reverts disableAllRedirects, unless another tap of this plugin relies on it. An ADD gives
// its tap the alias before it relies on the setting. So if one has done so since the first look, the second look
// finds its tap.
func (a *Attachment) enableAllRedirects() error {
	if others, err := a.hasOwnTapBeside(); err != nil || others {
		return err
	}
	if err := a.runInNetns(netdev.EnableAllIPv4Redirects); err != nil {
		return err
	}
	others, err := a.hasOwnTapBeside()
	if err != nil || !others {
		return err
	}
	return a.runInNetns(func() error {
		_, err := netdev.DisableAllIPv4Redirects()
		return err
	})
}

// hasOwnTapBeside reports whether the namespace has a tap of this plugin besides that of the attachment.
func (a *Attachment) hasOwnTapBeside() (bool, error) {
	others, err := a.Conn.Links(tapKind, func(l *netdev.Link) bool {
		return l.Index != a.Tap().Index && netconf.IsAlias(l.Alias)
	})
	return len(others) > 0, err
}
