package netdev

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"syscall"

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

// Links returns all devices of the namespace.
func (c *Conn) Links() ([]*Link, error) {
	links, err := dump(func() ([]*Link, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
		return parseLinks(c.execute(req, unix.RTM_NEWLINK))
	})
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
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
	links, err := parseLinks(c.execute(req, unix.RTM_NEWLINK))
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

// parseLinks parses the result of execute.
func parseLinks(msgs [][]byte, err error) ([]*Link, error) {
	if err != nil {
		return nil, err
	}
	links := make([]*Link, 0, len(msgs))
	for _, msg := range msgs {
		link, err := parseLink(msg)
		if err != nil {
			return nil, fmt.Errorf("parse RTM_NEWLINK: %w", err)
		}
		links = append(links, link)
	}
	return links, nil
}

// parseLink parses an RTM_NEWLINK message.
func parseLink(msg []byte) (*Link, error) {
	if len(msg) < unix.SizeofIfInfomsg {
		return nil, fmt.Errorf("message too short: %d bytes", len(msg))
	}
	info := nl.DeserializeIfInfomsg(msg)
	attrs, err := nl.ParseRouteAttr(msg[unix.SizeofIfInfomsg:])
	if err != nil {
		return nil, err
	}
	link := &Link{
		Index: int(info.Index), Up: info.Flags&unix.IFF_UP != 0,
		Ethernet: info.Type == unix.ARPHRD_ETHER,
		Promisc:  info.Flags&unix.IFF_PROMISC != 0, AllMulti: info.Flags&unix.IFF_ALLMULTI != 0,
	}
	for _, attr := range attrs {
		switch attr.Attr.Type {
		case unix.IFLA_IFNAME:
			link.Name = str(attr.Value)
		case unix.IFLA_IFALIAS:
			link.Alias = str(attr.Value)
		case unix.IFLA_ADDRESS:
			link.MAC = net.HardwareAddr(attr.Value)
		case unix.IFLA_MTU:
			link.MTU = int(u32(attr.Value))
		case unix.IFLA_TXQLEN:
			link.TxQueueLen = int(u32(attr.Value))
		case unix.IFLA_MASTER:
			link.Master = int(u32(attr.Value))
		case unix.IFLA_LINKINFO:
			if err := link.parseInfo(attr.Value); err != nil {
				return nil, err
			}
		}
	}
	return link, nil
}

// parseInfo parses IFLA_LINKINFO.
func (l *Link) parseInfo(value []byte) error {
	attrs, err := nl.ParseRouteAttr(value)
	if err != nil {
		return err
	}
	var data []byte
	for _, attr := range attrs {
		switch attr.Attr.Type {
		case unix.IFLA_INFO_KIND:
			l.Kind = str(attr.Value)
		case unix.IFLA_INFO_DATA:
			data = attr.Value
		case nl.IFLA_INFO_SLAVE_DATA: // the attribute read below exists for bridge ports only
			l.Isolated = u8(attribute(attr.Value, nl.IFLA_BRPORT_ISOLATED)) != 0
		}
	}
	switch l.Kind {
	case "tun":
		tunAttrs, err := nl.ParseRouteAttr(data)
		if err != nil {
			return err
		}
		l.Tun = parseTun(tunAttrs)
	case "bridge":
		l.Bridge = &Bridge{
			FiltersVLANs: u8(attribute(data, nl.IFLA_BR_VLAN_FILTERING)) != 0,
			DefaultVLAN:  int(u16(attribute(data, nl.IFLA_BR_VLAN_DEFAULT_PVID))),
		}
	}
	return nil
}

// parseTun parses the IFLA_INFO_DATA of a tun device.
func parseTun(attrs []syscall.NetlinkRouteAttr) *Tun {
	tun := &Tun{}
	for _, attr := range attrs {
		switch attr.Attr.Type {
		case nl.IFLA_TUN_TYPE:
			tun.Tap = u8(attr.Value) == unix.IFF_TAP
		case nl.IFLA_TUN_PERSIST:
			tun.Persistent = u8(attr.Value) != 0
		case nl.IFLA_TUN_MULTI_QUEUE:
			tun.MultiQueue = u8(attr.Value) != 0
		case nl.IFLA_TUN_NUM_QUEUES:
			tun.Queues = int(u32(attr.Value))
		case nl.IFLA_TUN_NUM_DISABLED_QUEUES:
			tun.Disabled = int(u32(attr.Value))
		case nl.IFLA_TUN_OWNER:
			owner := u32(attr.Value)
			tun.Owner = &owner
		case nl.IFLA_TUN_GROUP:
			group := u32(attr.Value)
			tun.Group = &group
		}
	}
	return tun
}

// str returns b as a string without trailing NUL bytes.
func str(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }
