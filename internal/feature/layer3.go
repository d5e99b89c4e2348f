package feature

import (
	"context"
	"fmt"
	"net"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

const (
	minMTUIPv6 = 1280 // bytes, RFC 8200 section 5; with a smaller MTU the kernel disables IPv6 on the device
	loopback   = "lo"
)

var layer3Kind = cni.Kind{Code: cni.CodeLayer3, Advice: "correct the IPAM configuration: the message names the address or route"}

// ApplyIPAM adds the addresses and routes of the IPAM result to the tap. Without IPAM assigned is nil.
func (a *Attachment) ApplyIPAM(assigned *current.Result) error {
	if assigned == nil {
		return nil
	}
	if err := checkAddresses(assigned.IPs); err != nil {
		return layer3Kind.Wrap(err)
	}
	routes, err := planRoutes(assigned.IPs, assigned.Routes)
	if err != nil {
		return layer3Kind.Wrap(err)
	}
	if v6 := firstIPv6(assigned.IPs); v6 != nil {
		if mtu := a.Want.Device(plan.Tap).MTU; mtu != 0 && mtu < minMTUIPv6 {
			return &netconf.KeyError{
				Key: "mtu", Value: fmt.Sprint(mtu), Allowed: fmt.Sprintf("%d or more together with IPv6", minMTUIPv6),
				Err: fmt.Errorf("too small for IPv6, and IPAM returned %s", v6.Address.String()),
			}
		}
		if err := a.runInNetns(a.enableIPv6); err != nil {
			return deviceKind.Wrap(err)
		}
	}
	for _, ip := range assigned.IPs {
		if err := a.Conn.AddAddress(a.Tap().Index, ip.Address); err != nil {
			return layer3Kind.Wrap(fmt.Errorf("tap %q: %w", a.Conf.Tap.Name, err))
		}
	}
	for _, route := range routes {
		if err := a.Conn.AddRoute(a.Tap().Index, route); err != nil {
			return layer3Kind.Wrap(fmt.Errorf("tap %q: %w", a.Conf.Tap.Name, err))
		}
	}
	return nil
}

// checkAddresses rejects addresses that the kernel accepts but silently ignores: 0.0.0.0 (Linux 6.12,
// net/ipv4/devinet.c, __inet_insert_ifa). It also rejects a gateway of the other family: without a gateway of
// its own family a default route would look for every destination on the link.
func checkAddresses(ips []*current.IPConfig) error {
	for _, ip := range ips {
		switch {
		case ip.Address.IP.IsUnspecified():
			return fmt.Errorf("address %s: unspecified address cannot be assigned", ip.Address.String())
		case specified(ip.Gateway) && isIPv6(ip.Gateway) != isIPv6(ip.Address.IP):
			return fmt.Errorf("address %s: gateway %s is of the other address family", ip.Address.String(), ip.Gateway)
		}
	}
	return nil
}

// enableIPv6 needs no undo: the settings disappear with the device.
func (a *Attachment) enableIPv6() error {
	if _, err := netdev.EnableIPv6(a.Conf.Tap.Name); err != nil {
		return err
	}
	return netdev.KeepIPv6OnDown(a.Conf.Tap.Name)
}

// EnableLoopback enables IPv6 on lo, through which the namespace reaches its own addresses. It is the last
// step before the commit, so that a process that dies before the commit changes as little as possible.
func (a *Attachment) EnableLoopback(assigned *current.Result) error {
	if assigned == nil || firstIPv6(assigned.IPs) == nil {
		return nil
	}
	changed := false
	a.Undo.Push(func(context.Context) error {
		if !changed {
			return nil
		}
		return a.runInNetns(func() error { return netdev.DisableIPv6(loopback) })
	})
	return deviceKind.Wrap(a.runInNetns(func() error {
		var err error
		changed, err = netdev.EnableIPv6(loopback)
		return err
	}))
}

func firstIPv6(ips []*current.IPConfig) *current.IPConfig {
	for _, ip := range ips {
		if isIPv6(ip.Address.IP) {
			return ip
		}
	}
	return nil
}

func isIPv6(ip net.IP) bool { return ip.To4() == nil }

func specified(ip net.IP) bool { return ip != nil && !ip.IsUnspecified() }
