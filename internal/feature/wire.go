package feature

import (
	"tap/internal/netdev"
	"tap/internal/plan"
)

// newWire returns the feature that makes the tap a wire and nothing else: the guest cannot change routes and
// addresses of the pod or send through it, and the pod's kernel sends nothing to the guest without being asked
// to. Everything is set before the tap comes up.
func newWire() Feature { return Feature{Plan: planWire} }

func planWire(a *Attachment) error {
	asked, tap := a.Conf.Tap, a.Want.Device(plan.Tap)
	tap.IPv4 = append(tap.IPv4,
		netdev.IPv4Setting{Sysctl: netdev.IPv4AcceptRedirects},
		netdev.IPv4Setting{Sysctl: netdev.IPv4AcceptSourceRoute},
		netdev.IPv4Setting{Sysctl: netdev.IPv4ARPAccept},
		netdev.IPv4Setting{Sysctl: netdev.IPv4ARPIgnore, Value: 1}, // answer only for the addresses of the tap
		netdev.IPv4Setting{Sysctl: netdev.IPv4BootpRelay},
		netdev.IPv4Setting{Sysctl: netdev.IPv4ProxyARPPVLAN},
		netdev.IPv4Setting{Sysctl: netdev.IPv4RouteLocalnet},
	)
	if !asked.Forward {
		tap.IPv4 = append(tap.IPv4,
			netdev.IPv4Setting{Sysctl: netdev.IPv4Forwarding},
			netdev.IPv4Setting{Sysctl: netdev.IPv4ProxyARP},
		)
	}
	if a.Conf.IPAM != "" { // send a gratuitous ARP for each address when the link comes up
		tap.IPv4 = append(tap.IPv4, netdev.IPv4Setting{Sysctl: netdev.IPv4ARPNotify, Value: 1})
	}
	tap.IPv6Off = []netdev.IPv6Sysctl{netdev.IPv6AcceptRedirects}
	if !asked.AcceptRA {
		tap.IPv6Off = append(tap.IPv6Off, netdev.IPv6AcceptRA, netdev.IPv6Autoconf)
	}
	tap.NoLinkLocal = a.Conf.IPAM == "" && !asked.AcceptRA // an address that is added later works
	return nil
}
