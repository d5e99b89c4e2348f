package netdev

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ErrNotFound reports that a device does not exist.
var ErrNotFound = errors.New("not found")

// Link is a network device as the kernel reports it.
type Link struct {
	Index      int
	Name       string
	Alias      string
	Kind       string // IFLA_INFO_KIND: "tun", "bridge", "veth"…
	Ethernet   bool   // ARPHRD_ETHER: frames have an Ethernet header
	Up         bool   // IFF_UP, the administrative state
	Promisc    bool   // IFF_PROMISC
	AllMulti   bool   // IFF_ALLMULTI
	MAC        net.HardwareAddr
	MTU        int     // bytes
	TxQueueLen int     // packets
	Master     int     // index of its bridge; 0: not a bridge port
	Isolated   bool    // a bridge port that cannot reach other isolated ports
	Tun        *Tun    // nil: not a device of /dev/net/tun
	Bridge     *Bridge // nil: not a bridge
	IPv6       *IPv6   // nil: the device has no IPv6
}

// Tun holds the attributes of devices created through /dev/net/tun (Linux 6.12,
// drivers/net/tun.c, tun_fill_info).
type Tun struct {
	Tap        bool // layer 2 (tap); otherwise layer 3 (tun)
	Persistent bool
	MultiQueue bool
	Queues     int     // attached and enabled; the kernel reports it for multi-queue devices only
	Disabled   int     // attached and disabled; for multi-queue devices only
	Owner      *uint32 // user ID; nil: not set, the kernel omits the attribute (0 is root)
	Group      *uint32 // group ID; nil: not set
}

// Bridge holds the attributes of bridges (Linux 6.12, net/bridge/br_netlink.c, br_fill_info).
type Bridge struct {
	FiltersVLANs bool // vlan_filtering
	DefaultVLAN  int  // vlan_default_pvid: VLAN of new ports, PVID and untagged; 0: none
}

// IsTap reports whether l is a tap: a layer 2 device created through /dev/net/tun.
func (l *Link) IsTap() bool { return l.Tun != nil && l.Tun.Tap }

// skipStats is RTEXT_FILTER_SKIP_STATS (include/uapi/linux/rtnetlink.h).
const skipStats = 1 << 3

// LinkByName returns the device with the given name. The error wraps ErrNotFound if it does not exist.
func (c *Conn) LinkByName(name string) (*Link, error) {
	link, err := c.link(0, nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	if err != nil {
		return nil, fmt.Errorf("read device %q: %w", name, err)
	}
	return link, nil
}

// LinkByIndex returns the device with the given index. The error wraps ErrNotFound if it does not exist.
func (c *Conn) LinkByIndex(index int) (*Link, error) {
	link, err := c.link(index)
	if err != nil {
		return nil, fmt.Errorf("read device %d: %w", index, err)
	}
	return link, nil
}

// Links returns the devices of a kind ("tun", "ifb") for which keep returns true. The kernel sends only
// the devices of that kind, if it has the kind: a device of another kind that no buffer can hold
// does not matter. After an error Links returns a part of the list.
// Source: Linux 6.12, net/core/rtnetlink.c, rtnl_dump_ifinfo, link_kind_filtered.
func (c *Conn) Links(kind string, keep func(*Link) bool) ([]*Link, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
	req.AddData(info)
	links, err := collect(c, req, unix.RTM_NEWLINK, func(msg []byte) *Link {
		if link := parseLink(msg); link != nil && link.Kind == kind && keep(link) {
			return link
		}
		return nil
	})
	if err != nil {
		return links, fmt.Errorf("list devices of kind %q: %w", kind, err)
	}
	return links, nil
}

// link returns the device that index or attrs identify.
func (c *Conn) link(index int, attrs ...*nl.RtAttr) (*Link, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	for _, attr := range attrs {
		req.AddData(attr)
	}
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	links, err := collect(c, req, unix.RTM_NEWLINK, parseLink)
	if err != nil {
		return nil, notFound(err)
	}
	if len(links) != 1 {
		return nil, fmt.Errorf("the kernel returned %d devices", len(links))
	}
	return links[0], nil
}

// notFound adds ErrNotFound to an error that wraps ENODEV.
func notFound(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// parseLink parses an RTM_NEWLINK message; nil if it is shorter than its header.
func parseLink(msg []byte) *Link {
	if len(msg) < unix.SizeofIfInfomsg {
		return nil
	}
	info, attrs := nl.DeserializeIfInfomsg(msg), msg[unix.SizeofIfInfomsg:]
	link := &Link{
		Index: int(info.Index), Up: info.Flags&unix.IFF_UP != 0,
		Ethernet: info.Type == unix.ARPHRD_ETHER,
		Promisc:  info.Flags&unix.IFF_PROMISC != 0, AllMulti: info.Flags&unix.IFF_ALLMULTI != 0,
		Name:       str(attribute(attrs, unix.IFLA_IFNAME)),
		Alias:      str(attribute(attrs, unix.IFLA_IFALIAS)),
		MAC:        bytes.Clone(attribute(attrs, unix.IFLA_ADDRESS)),
		MTU:        int(u32(attribute(attrs, unix.IFLA_MTU))),
		TxQueueLen: int(u32(attribute(attrs, unix.IFLA_TXQLEN))),
		Master:     int(u32(attribute(attrs, unix.IFLA_MASTER))),
		IPv6:       parseIPv6(attribute(attrs, unix.IFLA_AF_SPEC)),
	}
	link.parseInfo(attribute(attrs, unix.IFLA_LINKINFO))
	return link
}

// parseInfo parses IFLA_LINKINFO.
func (l *Link) parseInfo(info []byte) {
	l.Kind = str(attribute(info, unix.IFLA_INFO_KIND))
	// The attribute exists for bridge ports only.
	l.Isolated = u8(attribute(attribute(info, nl.IFLA_INFO_SLAVE_DATA), nl.IFLA_BRPORT_ISOLATED)) != 0
	data := attribute(info, unix.IFLA_INFO_DATA)
	switch l.Kind {
	case "tun":
		l.Tun = parseTun(data)
	case "bridge":
		l.Bridge = &Bridge{
			FiltersVLANs: u8(attribute(data, nl.IFLA_BR_VLAN_FILTERING)) != 0,
			DefaultVLAN:  int(u16(attribute(data, nl.IFLA_BR_VLAN_DEFAULT_PVID))),
		}
	}
}

// parseTun parses the IFLA_INFO_DATA of a tun device.
func parseTun(data []byte) *Tun {
	return &Tun{
		Tap:        u8(attribute(data, nl.IFLA_TUN_TYPE)) == unix.IFF_TAP,
		Persistent: u8(attribute(data, nl.IFLA_TUN_PERSIST)) != 0,
		MultiQueue: u8(attribute(data, nl.IFLA_TUN_MULTI_QUEUE)) != 0,
		Queues:     int(u32(attribute(data, nl.IFLA_TUN_NUM_QUEUES))),
		Disabled:   int(u32(attribute(data, nl.IFLA_TUN_NUM_DISABLED_QUEUES))),
		Owner:      parseID(attribute(data, nl.IFLA_TUN_OWNER)),
		Group:      parseID(attribute(data, nl.IFLA_TUN_GROUP)),
	}
}

// parseID returns the ID in an attribute; nil if the attribute is missing.
func parseID(value []byte) *uint32 {
	if value == nil {
		return nil
	}
	id := u32(value)
	return &id
}
