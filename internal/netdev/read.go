package netdev

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Addresses lists the addresses of one device in the network namespace of the calling thread.
func Addresses(index int) ([]net.IPNet, error) {
	device := &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: index}}
	list, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(device, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses of device %d: %w", index, err)
	}
	addrs := make([]net.IPNet, 0, len(list))
	for _, addr := range list {
		addrs = append(addrs, *addr.IPNet)
	}
	return addrs, nil
}

// RouteEntry is a route that exists, with the device of each of its hops.
type RouteEntry struct {
	Route
	Devices []int // indexes, as many as Hops
}

// Routes lists the unicast routes of every table in the network namespace of
// the calling thread. The siblings of an IPv6 multipath route are one entry.
func Routes() ([]RouteEntry, error) {
	all := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	list, err := dump(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_ALL, all, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var entries []RouteEntry
	for _, r := range list {
		if r.Type != unix.RTN_UNICAST || r.Dst == nil {
			continue
		}
		entry := RouteEntry{Route: Route{
			Dst: *r.Dst, Table: r.Table, Priority: r.Priority, Scope: int(r.Scope), MTU: r.MTU, AdvMSS: r.AdvMSS,
		}}
		if len(r.MultiPath) == 0 {
			entry.add(r.Gw, r.Flags, r.LinkIndex)
		}
		for _, path := range r.MultiPath {
			entry.add(path.Gw, path.Flags, path.LinkIndex)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func (e *RouteEntry) add(gateway net.IP, flags, device int) {
	e.Hops = append(e.Hops, Hop{Gateway: gateway, OnLink: flags&unix.RTNH_F_ONLINK != 0})
	e.Devices = append(e.Devices, device)
}
