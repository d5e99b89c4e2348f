package netdev

import (
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// AddAddress adds an address with its prefix length to a device. An IPv6 address is usable
// immediately: AddAddress disables duplicate address detection (IFA_F_NODAD), which could not
// run before a process attaches to the tap.
func (c *Conn) AddAddress(index int, addr net.IPNet) error {
	family, ip := familyOf(addr.IP)
	ones, bits := addr.Mask.Size()
	if ip == nil || bits != 8*len(ip) {
		return fmt.Errorf("add address %s/%d: invalid address or prefix length", addr.IP, ones)
	}
	msg := nl.NewIfAddrmsg(family)
	msg.Index = uint32(index)
	msg.Prefixlen = uint8(ones)
	req := nl.NewNetlinkRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, ip))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, ip))
	switch {
	case family == unix.AF_INET6:
		msg.Flags = unix.IFA_F_NODAD
	case ones < 31: // RFC 3021: /31 and /32 have no broadcast address
		broadcast := make(net.IP, len(ip))
		for i := range ip {
			broadcast[i] = ip[i] | ^addr.Mask[i]
		}
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, broadcast))
	}
	if err := c.change(req, unix.EEXIST); err != nil {
		return fmt.Errorf("add address %s: %w", addr.String(), err)
	}
	return nil
}

// Route is a unicast route through one device, with one or more next hops.
type Route struct {
	Dst      net.IPNet
	Hops     []Hop // not empty; more than one makes a multipath route
	Table    int   // 0: main
	Priority int   // metric; 0: the kernel's default
	Scope    int   // RT_SCOPE_UNIVERSE (0) and above, rtnetlink(7); IPv4 only
	MTU      int   // bytes; 0: the device's
	AdvMSS   int   // bytes; 0: derived from the MTU
}

// MaxHops is the maximum number of next hops in a Route. The kernel dumps a route in one message
// of at most 32 KB (Linux 6.12, net/netlink/af_netlink.c, netlink_dump), in which an IPv6 hop
// takes 28 bytes. With more hops, no process could list the routes of the namespace any more.
// The length field of RTA_MULTIPATH has 16 bits.
const MaxHops = 1024

// Hop is a next hop of a route.
type Hop struct {
	Gateway net.IP // nil: the destination is directly reachable
	OnLink  bool   // the gateway is directly reachable although no prefix of the device contains it
}

// String returns the route in a syntax similar to ip-route(8).
func (r Route) String() string {
	var b strings.Builder
	b.WriteString(r.Dst.String())
	for _, hop := range r.Hops {
		if hop.Gateway != nil {
			fmt.Fprintf(&b, " via %s", hop.Gateway)
		}
		if hop.OnLink {
			b.WriteString(" onlink")
		}
	}
	for _, number := range []struct {
		name  string
		value int
	}{{"table", r.Table}, {"priority", r.Priority}, {"scope", r.Scope}, {"mtu", r.MTU}, {"advmss", r.AdvMSS}} {
		if number.value != 0 {
			fmt.Fprintf(&b, " %s %d", number.name, number.value)
		}
	}
	return b.String()
}

// AddRoute adds a route through a device. A route to the same destination through another device
// remains: IPv4 prefers the newer route, IPv6 uses both.
func (c *Conn) AddRoute(index int, r Route) error {
	if len(r.Hops) > MaxHops {
		return fmt.Errorf("add route to %s: %d next hops exceed the limit of %d", r.Dst.String(), len(r.Hops), MaxHops)
	}
	family, dst := familyOf(r.Dst.IP)
	ones, bits := r.Dst.Mask.Size()
	if dst == nil || bits != 8*len(dst) {
		return fmt.Errorf("add route %s: invalid destination or prefix length", r)
	}
	msg := nl.NewRtMsg() // main table, RTPROT_BOOT, RTN_UNICAST
	msg.Family = uint8(family)
	msg.Dst_len = uint8(ones)
	msg.Scope = uint8(r.Scope)
	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_ACK)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, dst.Mask(r.Dst.Mask)))
	if r.Table != 0 {
		msg.Table = unix.RT_TABLE_UNSPEC // RTA_TABLE takes precedence and supports tables above 255
		req.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(uint32(r.Table))))
	}
	if r.Priority != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(uint32(r.Priority))))
	}
	if metrics := r.metrics(); metrics != nil {
		req.AddData(metrics)
	}
	r.addHops(req, msg, index)
	if err := c.change(req, unix.EEXIST); err != nil {
		return fmt.Errorf("add route %s: %w", r, err)
	}
	return nil
}

// metrics returns RTA_METRICS, or nil if no metric is set.
func (r Route) metrics() *nl.RtAttr {
	if r.MTU == 0 && r.AdvMSS == 0 {
		return nil
	}
	metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
	if r.MTU != 0 {
		metrics.AddRtAttr(unix.RTAX_MTU, nl.Uint32Attr(uint32(r.MTU)))
	}
	if r.AdvMSS != 0 {
		metrics.AddRtAttr(unix.RTAX_ADVMSS, nl.Uint32Attr(uint32(r.AdvMSS)))
	}
	return metrics
}

// addHops adds the next hops to a request: RTA_OIF and RTA_GATEWAY for one, RTA_MULTIPATH for
// several.
func (r Route) addHops(req *nl.NetlinkRequest, msg *nl.RtMsg, index int) {
	if len(r.Hops) == 1 {
		req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
		if gateway := r.Hops[0].gateway(); gateway != nil {
			req.AddData(gateway)
		}
		if r.Hops[0].OnLink {
			msg.Flags |= unix.RTNH_F_ONLINK
		}
		return
	}
	var paths []byte
	for _, hop := range r.Hops {
		path := &nl.RtNexthop{RtNexthop: unix.RtNexthop{Ifindex: int32(index)}}
		if hop.OnLink {
			path.Flags = unix.RTNH_F_ONLINK
		}
		if gateway := hop.gateway(); gateway != nil {
			path.Children = append(path.Children, gateway)
		}
		paths = append(paths, path.Serialize()...)
	}
	req.AddData(nl.NewRtAttr(unix.RTA_MULTIPATH, paths))
}

// gateway returns RTA_GATEWAY, or nil if the hop has no gateway.
func (h Hop) gateway() *nl.RtAttr {
	if h.Gateway == nil {
		return nil
	}
	_, gateway := familyOf(h.Gateway)
	return nl.NewRtAttr(unix.RTA_GATEWAY, gateway)
}

// familyOf returns the address family of ip, and ip in the length of that family. The address is
// nil if ip is invalid.
func familyOf(ip net.IP) (int, net.IP) {
	if v4 := ip.To4(); v4 != nil {
		return unix.AF_INET, v4
	}
	return unix.AF_INET6, ip.To16()
}
