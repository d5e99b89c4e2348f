package feature

import (
	"context"
	"errors"
	"io/fs"

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
		netdev.IPv4Setting{Sysctl: netdev.IPv4AcceptRedirects},
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
	// While a device does not forward, the kernel accepts redirects if the device or "all" does, also about routes
	// over other devices. As a port of a bridge and in redirect mode the tap passes no frames to the IP stack.
	tap.NoRedirects = !asked.Redirect && asked.Bridge == ""
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

// writeSysctls writes the settings that netlink cannot set: those of IPv6, and of all devices of the namespace.
func (a *Attachment) writeSysctls() error {
	want, link := a.Want.Device(plan.Tap), a.Tap()
	changed := false
	a.Undo.Push(func(context.Context) error {
		if !changed {
			return nil
		}
		return a.enableAllRedirects()
	})
	run := a.Sandbox.Do // while the IPAM plugin runs
	if a.Conf.IPAM == "" {
		run = a.Sandbox.DoInPlace // the undo starts no process, which would inherit the namespace if the thread could not return
	}
	err := enter(run, func() error {
		if err := netdev.DisableIPv6Sysctls(link, want.IPv6Off); err != nil || !want.NoRedirects {
			return err
		}
		var err error
		changed, err = netdev.DisableAllIPv4Redirects()
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return changedKind.Wrap(err)
	}
	return sysctlKind.Wrap(err)
}

// enableAllRedirects reverts what writeSysctls changed for all devices, unless another tap of this plugin relies on
// it. An ADD creates its tap before it relies on the setting. So if one has done so since the first look, the
// second look finds its tap.
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

// hasOwnTapBeside reports whether the namespace has a tap of this plugin besides that of the attachment. A tap that
// is not persistent may be that of an ADD in progress, which has not set its alias yet.
func (a *Attachment) hasOwnTapBeside() (bool, error) {
	others, err := a.Conn.Links(tapKind, func(l *netdev.Link) bool {
		return l.Index != a.Tap().Index && (netconf.IsAlias(l.Alias) || !l.Tun.Persistent)
	})
	return len(others) > 0, err
}
