package netdev

import (
	"bytes"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Addresses calls visit for each address of one device, possibly more than once.
func (c *Conn) Addresses(index int, visit func(net.IPNet)) error {
	// With strict checking the kernel lists the addresses of this device only. A kernel that does
	// not know the option (before Linux 4.20) lists those of all devices.
	_ = unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	header := nl.NewIfAddrmsg(unix.AF_UNSPEC)
	header.Index = uint32(index)
	req.AddData(header)
	err := c.read(req, unix.RTM_NEWADDR, nothing, func(msg []byte) bool {
		if addr, device := parseAddress(msg); device == index {
			visit(addr)
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("list addresses of device %d: %w", index, err)
	}
	return nil
}

// nothing is what begins an attempt of a read that collects nothing.
func nothing() {}

// parseAddress parses an RTM_NEWADDR message. It returns the address with its prefix length and
// the index of the device, 0 if the message is too short. It prefers IFA_LOCAL, because IFA_ADDRESS
// is the peer's address on a point-to-point device (include/uapi/linux/if_addr.h).
func parseAddress(msg []byte) (net.IPNet, int) {
	if len(msg) < unix.SizeofIfAddrmsg {
		return net.IPNet{}, 0
	}
	header, attrs := nl.DeserializeIfAddrmsg(msg), msg[unix.SizeofIfAddrmsg:]
	ip := attribute(attrs, unix.IFA_LOCAL)
	if ip == nil {
		ip = attribute(attrs, unix.IFA_ADDRESS)
	}
	return network(ip, header.Prefixlen, int(header.Family)), int(header.Index)
}

// network returns an address with its prefix length. It uses the unspecified address of the
// family if ip is missing.
func network(ip []byte, prefix uint8, family int) net.IPNet {
	size := net.IPv4len
	if family == unix.AF_INET6 {
		size = net.IPv6len
	}
	addr := make(net.IP, size)
	if len(ip) == size {
		copy(addr, ip) // the buffer that contains ip will be overwritten
	}
	return net.IPNet{IP: addr, Mask: net.CIDRMask(int(prefix), 8*size)}
}

// RouteEntry is an existing route with the device of each next hop.
type RouteEntry struct {
	Route
	Devices []int // indexes, as many as Hops
}

// Routes calls visit for each unicast route of all tables in the namespace, possibly more than once.
// An IPv6 multipath route is one entry with several hops, like an IPv4 one.
func (c *Conn) Routes(visit func(RouteEntry)) error {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.AddData(&nl.RtMsg{}) // all families
	err := c.read(req, unix.RTM_NEWROUTE, nothing, func(msg []byte) bool {
		if len(msg) < unix.SizeofRtMsg {
			return true
		}
		header := nl.DeserializeRtMsg(msg)
		if header.Type == unix.RTN_UNICAST && header.Flags&unix.RTM_F_CLONED == 0 &&
			(header.Family == unix.AF_INET || header.Family == unix.AF_INET6) {
			visit(parseRoute(header, msg[unix.SizeofRtMsg:]))
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	return nil
}

// parseRoute parses the attributes of an RTM_NEWROUTE message.
func parseRoute(header *nl.RtMsg, attrs []byte) RouteEntry {
	entry := RouteEntry{Route: Route{
		Dst:      network(attribute(attrs, unix.RTA_DST), header.Dst_len, int(header.Family)),
		Table:    int(header.Table),
		Scope:    int(header.Scope),
		Priority: int(u32(attribute(attrs, unix.RTA_PRIORITY))),
	}}
	if table := attribute(attrs, unix.RTA_TABLE); table != nil {
		entry.Table = int(u32(table))
	}
	metrics := attribute(attrs, unix.RTA_METRICS)
	entry.MTU, entry.AdvMSS = int(u32(attribute(metrics, unix.RTAX_MTU))), int(u32(attribute(metrics, unix.RTAX_ADVMSS)))
	entry.addPaths(attribute(attrs, unix.RTA_MULTIPATH))
	if len(entry.Hops) == 0 {
		entry.add(attribute(attrs, unix.RTA_GATEWAY), header.Flags, int(u32(attribute(attrs, unix.RTA_OIF))))
	}
	return entry
}

// addPaths parses RTA_MULTIPATH: a list of struct rtnexthop, each followed by its attributes. The
// length in the struct includes them (include/uapi/linux/rtnetlink.h). It stops at a malformed hop.
func (e *RouteEntry) addPaths(list []byte) {
	for len(list) >= unix.SizeofRtNexthop {
		hop := nl.DeserializeRtNexthop(list)
		length := int(hop.RtNexthop.Len)
		if length < unix.SizeofRtNexthop || length > len(list) {
			return
		}
		gateway := attribute(list[unix.SizeofRtNexthop:length], unix.RTA_GATEWAY)
		e.add(gateway, uint32(hop.Flags), int(hop.Ifindex))
		list = list[min((length+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(list)):]
	}
}

// add appends a next hop.
func (e *RouteEntry) add(gateway net.IP, flags uint32, device int) {
	e.Hops = append(e.Hops, Hop{Gateway: bytes.Clone(gateway), OnLink: flags&unix.RTNH_F_ONLINK != 0})
	e.Devices = append(e.Devices, device)
}
