//go:build amd64

package faults

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tap/test/harness"
	"tap/test/netns"
)

// state is what harness.Snapshot shows, in a thirtieth of its time: the answers of
// rtnetlink as bytes, without what the kernel counts and changes by itself. Each
// shard compares its first and last Snapshot as well.
type state struct{ devices, reservations string }

func stateOf(h *harness.Host) state {
	var s state
	for _, ns := range []*netns.Netns{h.Node, h.Pod} {
		h.Must(ns.Do(func() error {
			for _, kind := range []int{unix.RTM_GETLINK, unix.RTM_GETADDR, unix.RTM_GETROUTE} {
				messages, err := dump(kind)
				if err != nil {
					return err
				}
				s.devices += messages
			}
			hooks, err := hooks()
			if err != nil {
				return err
			}
			loopback, err := os.ReadFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
			s.devices += hooks + fmt.Sprintf("lo: disable_ipv6 %s", loopback)
			return err
		}))
	}
	s.reservations = strings.Join(h.Reservations(), "\n")
	return s
}

// hooks lists the qdiscs that filter what a device receives or sends, and the filters
// there, of the calling thread's namespace, a line each. Root qdiscs are an attribute of
// their device.
func hooks() (string, error) {
	qdiscs, err := netlink.QdiscList(nil)
	if err != nil {
		return "", fmt.Errorf("dump qdiscs: %w", err)
	}
	var b strings.Builder
	for _, q := range qdiscs {
		at := q.Attrs()
		if at.Parent != netlink.HANDLE_INGRESS && at.Parent != netlink.HANDLE_CLSACT {
			continue
		}
		fmt.Fprintf(&b, "qdisc %s of device %d\n", q.Type(), at.LinkIndex)
		link, err := netlink.LinkByIndex(at.LinkIndex)
		if err != nil {
			return "", fmt.Errorf("device %d: %w", at.LinkIndex, err)
		}
		for _, hook := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
			filters, err := netlink.FilterList(link, hook)
			if err != nil {
				return "", fmt.Errorf("dump filters of device %d: %w", at.LinkIndex, err)
			}
			for _, f := range filters {
				fmt.Fprintf(&b, "filter %s of device %d at %x, priority %d, handle %x\n", f.Type(), at.LinkIndex, hook, f.Attrs().Priority, f.Attrs().Handle)
			}
		}
	}
	return b.String(), nil
}

// volatile are the attributes that change by themselves, by type of message.
var volatile = map[uint16][]uint16{
	unix.RTM_NEWLINK: {
		unix.IFLA_STATS, unix.IFLA_STATS64, unix.IFLA_OPERSTATE, unix.IFLA_AF_SPEC, unix.IFLA_CARRIER,
		unix.IFLA_CARRIER_CHANGES, unix.IFLA_CARRIER_UP_COUNT, unix.IFLA_CARRIER_DOWN_COUNT,
	},
	unix.RTM_NEWADDR:  {unix.IFA_CACHEINFO},
	unix.RTM_NEWROUTE: {unix.RTA_CACHEINFO},
}

// dump lists devices, addresses or routes of the calling thread's namespace, a line each.
func dump(kind int) (string, error) {
	data, err := syscall.NetlinkRIB(kind, unix.AF_UNSPEC)
	if err != nil {
		return "", fmt.Errorf("dump: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		return "", fmt.Errorf("parse dump: %w", err)
	}
	headers := map[uint16]int{unix.RTM_NEWLINK: unix.SizeofIfInfomsg, unix.RTM_NEWADDR: unix.SizeofIfAddrmsg, unix.RTM_NEWROUTE: unix.SizeofRtMsg}
	var lines []string
	for i := range messages {
		m := &messages[i]
		size, known := headers[m.Header.Type]
		if !known {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return "", fmt.Errorf("parse attributes: %w", err)
		}
		header := slices.Clone(m.Data[:size])
		switch m.Header.Type { // the flags that tell of the carrier
		case unix.RTM_NEWLINK:
			header[8] &^= unix.IFF_RUNNING
			header[10] = 0 // IFF_LOWER_UP and above
		case unix.RTM_NEWROUTE:
			header[8] &^= unix.RTNH_F_LINKDOWN
		}
		if line, ours := describe(m.Header.Type, header, attrs); ours {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

// describe leaves out the kernel's own IPv6 addresses and their routes, and those of
// the table local, which it adds in its own time (net/ipv6/addrconf.c, addrconf_dad_work).
func describe(kind uint16, header []byte, attrs []syscall.NetlinkRouteAttr) (string, bool) {
	if kind == unix.RTM_NEWROUTE && header[0] == unix.AF_INET6 && header[4] == unix.RT_TABLE_LOCAL {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %x", kind, header)
	bridge := slices.ContainsFunc(attrs, func(a syscall.NetlinkRouteAttr) bool {
		return kind == unix.RTM_NEWLINK && a.Attr.Type == unix.IFLA_LINKINFO && strings.Contains(string(a.Value), "bridge\x00")
	})
	for _, a := range attrs {
		address := kind == unix.RTM_NEWADDR && a.Attr.Type == unix.IFA_ADDRESS || kind == unix.RTM_NEWROUTE && a.Attr.Type == unix.RTA_DST
		if address && len(a.Value) == 16 && (a.Value[0] == 0xfe && a.Value[1] == 0x80 || a.Value[0] == 0xff) {
			return "", false
		}
		if slices.Contains(volatile[kind], a.Attr.Type) || bridge && a.Attr.Type == unix.IFLA_LINKINFO { // it has timers
			continue
		}
		if kind == unix.RTM_NEWLINK && (a.Attr.Type == unix.IFLA_IFNAME || a.Attr.Type == unix.IFLA_IFALIAS) {
			fmt.Fprintf(&b, " %d:%q", a.Attr.Type, a.Value)
			continue
		}
		fmt.Fprintf(&b, " %d:%x", a.Attr.Type, a.Value)
	}
	b.WriteByte('\n')
	return b.String(), true
}

// difference is what was added to and is missing from a state, a line each.
func (s state) difference(now state) string {
	var b strings.Builder
	for _, part := range [][2]string{{s.devices, now.devices}, {s.reservations, now.reservations}} {
		before, after := strings.Split(part[0], "\n"), strings.Split(part[1], "\n")
		for _, line := range after {
			if !slices.Contains(before, line) {
				fmt.Fprintf(&b, "\n      left: %s", line)
			}
		}
		for _, line := range before {
			if !slices.Contains(after, line) {
				fmt.Fprintf(&b, "\n      lost: %s", line)
			}
		}
	}
	return b.String()
}

var (
	index  = regexp.MustCompile(`(?m)^\d+: `)
	mac    = regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`)
	byself = regexp.MustCompile(`(?m) linkdown|NO-CARRIER,|,LOWER_UP| state [A-Z]+|(?:message_age|hold|forward_delay)_timer +[0-9.]+|^.*(?:fe80::|ff00::|ff02::).*\n|^(?:local|anycast) [0-9a-f]*:.*\n|(?:qdisc [a-z]+|index|id|tag) [0-9a-f]+|ifindex [0-9]+`)
)

// picture is what ip and tc say of the attachment, without what differs from one
// ADD to the next: numbers of devices, MAC addresses that the kernel drew.
func (s *scene) picture() string {
	s.t.Helper()
	out := s.Exec("sh", "-ec", `ip -d -o link show dev "$0"; ip -o addr; ip route show table all
ip -br link show type ifb | while read ifb rest; do ip -d -o link show dev "$ifb"; done
tc qdisc
for dev in net1 "$0"; do for hook in ingress egress; do tc filter show dev $dev $hook; done; done`, s.setting.tap("net1"))
	out = byself.ReplaceAllString(index.ReplaceAllString(out, ""), "")
	return mac.ReplaceAllStringFunc(out, func(found string) string {
		if found == s.setting.mac || found == bridgeMAC {
			return found
		}
		return "MAC"
	})
}
