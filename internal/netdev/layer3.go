package netdev

import (
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// AddAddress gives a device an address with its prefix length. An IPv6 address
// is usable at once: duplicate address detection is left out (IFA_F_NODAD),
// since it could not run before somebody attaches to the tap.
func (c *Conn) AddAddress(index int, addr net.IPNet) error {
	family, ip := familyOf(addr.IP)
	ones, bits := addr.Mask.Size()
	if ip == nil || bits != 8*len(ip) {
		return fmt.Errorf("add address %s/%d: not an address with its prefix length", addr.IP, ones)
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
	case ones < 31: // RFC 3021: /31 and /32 have none
		broadcast := make(net.IP, len(ip))
		for i := range ip {
			broadcast[i] = ip[i] | ^addr.Mask[i]
		}
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, broadcast))
	}
	if _, err := c.execute(req, 0); err != nil {
		return fmt.Errorf("add address %s: %w", addr.String(), err)
	}
	return nil
}

// Route is a unicast route through one device, by one or several next hops.
type Route struct {
	Dst      net.IPNet
	Hops     []Hop // never empty; several make a multipath route
	Table    int   // 0: main
	Priority int   // metric; 0: the kernel's default
	Scope    int   // RT_SCOPE_UNIVERSE (0) and up, rtnetlink(7); IPv6 has none
	MTU      int   // bytes; 0: the device's
	AdvMSS   int   // bytes; 0: derived from the MTU
}

// MaxHops is what one multipath route may have: the kernel dumps a route in one
// message of at most 32 KB (Linux 6.12, net/netlink/af_netlink.c, netlink_dump), in
// which an IPv6 hop takes 28 bytes. With more, nobody could list the routes of the
// namespace any more; and the length of RTA_MULTIPATH has 16 bits.
const MaxHops = 1024

// Hop is where a route leads to.
type Hop struct {
	Gateway net.IP // nil: the destination is on the link itself
	OnLink  bool   // the gateway is on the link although no address says so
}

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

// AddRoute adds a route through a device. One of the same destination that
// another device has stays: IPv4 prefers the newer, IPv6 uses both.
func (c *Conn) AddRoute(index int, r Route) error {
	if len(r.Hops) > MaxHops {
		return fmt.Errorf("add route to %s: %d hops, more than %d", r.Dst.String(), len(r.Hops), MaxHops)
	}
	family, dst := familyOf(r.Dst.IP)
	ones, bits := r.Dst.Mask.Size()
	if dst == nil || bits != 8*len(dst) {
		return fmt.Errorf("add route %s: not a destination with its prefix length", r)
	}
	msg := nl.NewRtMsg() // main table, RTPROT_BOOT, RTN_UNICAST
	msg.Family = uint8(family)
	msg.Dst_len = uint8(ones)
	msg.Scope = uint8(r.Scope)
	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_ACK)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, dst.Mask(r.Dst.Mask)))
	if r.Table != 0 {
		msg.Table = unix.RT_TABLE_UNSPEC // RTA_TABLE goes first, and has room for tables above 255
		req.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(uint32(r.Table))))
	}
	if r.Priority != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(uint32(r.Priority))))
	}
	if metrics := r.metrics(); metrics != nil {
		req.AddData(metrics)
	}
	r.addHops(req, msg, index)
	if _, err := c.execute(req, 0); err != nil {
		return fmt.Errorf("add route %s: %w", r, err)
	}
	return nil
}

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

func (h Hop) gateway() *nl.RtAttr {
	if h.Gateway == nil {
		return nil
	}
	_, gateway := familyOf(h.Gateway)
	return nl.NewRtAttr(unix.RTA_GATEWAY, gateway)
}

// familyOf is the address family, and the address in as many bytes as that has;
// nil if it is no address.
func familyOf(ip net.IP) (int, net.IP) {
	if v4 := ip.To4(); v4 != nil {
		return unix.AF_INET, v4
	}
	return unix.AF_INET6, ip.To16()
}
