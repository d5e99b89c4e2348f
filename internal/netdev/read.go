package netdev

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Addresses lists the addresses of one device.
func (c *Conn) Addresses(index int) ([]net.IPNet, error) {
	addrs, err := dump(func() ([]net.IPNet, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
		msgs, err := c.execute(req, unix.RTM_NEWADDR)
		if err != nil {
			return nil, err
		}
		var addrs []net.IPNet
		for _, msg := range msgs {
			addr, device, err := parseAddress(msg)
			if err != nil {
				return nil, fmt.Errorf("parse RTM_NEWADDR: %w", err)
			}
			if device == index {
				addrs = append(addrs, addr)
			}
		}
		return addrs, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses of device %d: %w", index, err)
	}
	return addrs, nil
}

// parseAddress parses an RTM_NEWADDR message. It returns the address with its prefix length and
// the index of the device. It prefers IFA_LOCAL, because IFA_ADDRESS is the peer's address on a
// point-to-point device (include/uapi/linux/if_addr.h).
func parseAddress(msg []byte) (net.IPNet, int, error) {
	if len(msg) < unix.SizeofIfAddrmsg {
		return net.IPNet{}, 0, fmt.Errorf("message too short: %d bytes", len(msg))
	}
	header := nl.DeserializeIfAddrmsg(msg)
	attrs := msg[unix.SizeofIfAddrmsg:]
	ip := attribute(attrs, unix.IFA_LOCAL)
	if ip == nil {
		ip = attribute(attrs, unix.IFA_ADDRESS)
	}
	return network(ip, header.Prefixlen, int(header.Family)), int(header.Index), nil
}

// network returns an address with its prefix length. It uses the unspecified address of the
// family if ip is missing.
func network(ip []byte, prefix uint8, family int) net.IPNet {
	size := net.IPv4len
	if family == unix.AF_INET6 {
		size = net.IPv6len
	}
	if len(ip) != size {
		ip = make([]byte, size)
	}
	return net.IPNet{IP: ip, Mask: net.CIDRMask(int(prefix), 8*size)}
}

// RouteEntry is an existing route with the device of each next hop.
type RouteEntry struct {
	Route
	Devices []int // indexes, as many as Hops
}

// Routes lists the unicast routes of all tables in the namespace. An IPv6 multipath route is one
// entry with several hops, like an IPv4 one.
func (c *Conn) Routes() ([]RouteEntry, error) {
	entries, err := dump(func() ([]RouteEntry, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
		req.AddData(&nl.RtMsg{}) // all families
		msgs, err := c.execute(req, unix.RTM_NEWROUTE)
		if err != nil {
			return nil, err
		}
		var entries []RouteEntry
		for _, msg := range msgs {
			if len(msg) < unix.SizeofRtMsg {
				return nil, fmt.Errorf("parse RTM_NEWROUTE: message too short: %d bytes", len(msg))
			}
			header := nl.DeserializeRtMsg(msg)
			if header.Type != unix.RTN_UNICAST || header.Flags&unix.RTM_F_CLONED != 0 ||
				header.Family != unix.AF_INET && header.Family != unix.AF_INET6 {
				continue
			}
			entry, err := parseRoute(header, msg[unix.SizeofRtMsg:])
			if err != nil {
				return nil, fmt.Errorf("parse RTM_NEWROUTE: %w", err)
			}
			entries = append(entries, entry)
		}
		return entries, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return entries, nil
}

// parseRoute parses the attributes of an RTM_NEWROUTE message.
func parseRoute(header *nl.RtMsg, list []byte) (RouteEntry, error) {
	entry := RouteEntry{Route: Route{Table: int(header.Table), Scope: int(header.Scope)}}
	attrs, err := nl.ParseRouteAttr(list)
	if err != nil {
		return entry, err
	}
	entry.Dst = network(nil, header.Dst_len, int(header.Family))
	var gateway net.IP
	device := 0
	for _, attr := range attrs {
		switch attr.Attr.Type & nlaTypeMask {
		case unix.RTA_DST:
			entry.Dst = network(attr.Value, header.Dst_len, int(header.Family))
		case unix.RTA_TABLE:
			entry.Table = int(u32(attr.Value))
		case unix.RTA_PRIORITY:
			entry.Priority = int(u32(attr.Value))
		case unix.RTA_GATEWAY:
			gateway = attr.Value
		case unix.RTA_OIF:
			device = int(u32(attr.Value))
		case unix.RTA_METRICS:
			entry.MTU = int(u32(attribute(attr.Value, unix.RTAX_MTU)))
			entry.AdvMSS = int(u32(attribute(attr.Value, unix.RTAX_ADVMSS)))
		case unix.RTA_MULTIPATH:
			if err := entry.addPaths(attr.Value); err != nil {
				return entry, err
			}
		}
	}
	if len(entry.Hops) == 0 {
		entry.add(gateway, header.Flags, device)
	}
	return entry, nil
}

// addPaths parses RTA_MULTIPATH: a list of struct rtnexthop, each followed by its attributes. The
// length in the struct includes them (include/uapi/linux/rtnetlink.h).
func (e *RouteEntry) addPaths(list []byte) error {
	for len(list) >= unix.SizeofRtNexthop {
		hop := nl.DeserializeRtNexthop(list)
		length := int(hop.RtNexthop.Len)
		if length < unix.SizeofRtNexthop || length > len(list) {
			return fmt.Errorf("parse RTA_MULTIPATH: next hop of %d bytes, %d bytes left", length, len(list))
		}
		gateway := attribute(list[unix.SizeofRtNexthop:length], unix.RTA_GATEWAY)
		e.add(gateway, uint32(hop.Flags), int(hop.Ifindex))
		list = list[min((length+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(list)):]
	}
	return nil
}

// add appends a next hop.
func (e *RouteEntry) add(gateway net.IP, flags uint32, device int) {
	e.Hops = append(e.Hops, Hop{Gateway: gateway, OnLink: flags&unix.RTNH_F_ONLINK != 0})
	e.Devices = append(e.Devices, device)
}
