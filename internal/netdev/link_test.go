package netdev

import (
	"net"
	"reflect"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

func ptr[T any](v T) *T { return &v }

// newlink returns the payload of an RTM_NEWLINK message.
func newlink(index int32, flags uint32, attrs ...*nl.RtAttr) []byte {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index, msg.Flags = index, flags
	data := msg.Serialize()
	for _, attr := range attrs {
		data = append(data, attr.Serialize()...)
	}
	return data
}

// tunInfo returns IFLA_LINKINFO as drivers/net/tun.c fills it.
func tunInfo(attrs ...*nl.RtAttr) *nl.RtAttr {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, nl.ZeroTerminated("tun"))
	data := info.AddRtAttr(unix.IFLA_INFO_DATA, nil)
	for _, attr := range attrs {
		data.AddChild(attr)
	}
	return info
}

func attr8(kind int, value uint8) *nl.RtAttr   { return nl.NewRtAttr(kind, []byte{value}) }
func attr32(kind int, value uint32) *nl.RtAttr { return nl.NewRtAttr(kind, nl.Uint32Attr(value)) }

func TestParseLink(t *testing.T) {
	bridgeInfo := func(data ...*nl.RtAttr) *nl.RtAttr {
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(unix.IFLA_INFO_KIND, nl.ZeroTerminated("bridge"))
		all := info.AddRtAttr(unix.IFLA_INFO_DATA, []byte{8, 0, 1, 0, 1, 0, 0, 0}) // must not be parsed as data of a tun
		for _, attr := range data {
			all.AddChild(attr)
		}
		return info
	}
	defaultPVID := func(vlan uint16) *nl.RtAttr { return nl.NewRtAttr(nl.IFLA_BR_VLAN_DEFAULT_PVID, nl.Uint16Attr(vlan)) }
	portInfo := func(attrs ...*nl.RtAttr) *nl.RtAttr {
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		data := info.AddRtAttr(nl.IFLA_INFO_SLAVE_DATA, nil)
		for _, attr := range attrs {
			data.AddChild(attr)
		}
		return info
	}
	tests := []struct {
		name string
		msg  []byte
		want Link
	}{
		{"no attributes", newlink(5, 0), Link{Index: 5}},
		{"tap, all attributes", newlink(7, unix.IFF_UP|unix.IFF_BROADCAST,
			nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("net1")),
			nl.NewRtAttr(unix.IFLA_IFALIAS, nl.ZeroTerminated("tap/vms/0123abcd/net1")),
			nl.NewRtAttr(unix.IFLA_ADDRESS, []byte{2, 0, 0, 0, 0, 1}),
			attr32(unix.IFLA_MTU, 1400), attr32(unix.IFLA_TXQLEN, 500), attr32(unix.IFLA_MASTER, 3),
			tunInfo(attr8(nl.IFLA_TUN_TYPE, unix.IFF_TAP), attr8(nl.IFLA_TUN_PERSIST, 1), attr8(nl.IFLA_TUN_MULTI_QUEUE, 1),
				attr32(nl.IFLA_TUN_NUM_QUEUES, 2), attr32(nl.IFLA_TUN_NUM_DISABLED_QUEUES, 1),
				attr32(nl.IFLA_TUN_OWNER, 1000), attr32(nl.IFLA_TUN_GROUP, 0))),
			Link{
				Index: 7, Name: "net1", Alias: "tap/vms/0123abcd/net1", Kind: "tun", Up: true,
				MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1400, TxQueueLen: 500, Master: 3,
				Tun: &Tun{
					Tap: true, Persistent: true, MultiQueue: true, Queues: 2, Disabled: 1,
					Owner: ptr(uint32(1000)), Group: ptr(uint32(0)),
				},
			}},
		{"tun, down, without owner",
			newlink(8, unix.IFF_RUNNING, tunInfo(attr8(nl.IFLA_TUN_TYPE, unix.IFF_TUN), attr8(nl.IFLA_TUN_PERSIST, 0))),
			Link{Index: 8, Kind: "tun", Tun: &Tun{}}},
		{"multi-queue, not persistent", newlink(9, 0, tunInfo(attr8(nl.IFLA_TUN_MULTI_QUEUE, 1), attr8(nl.IFLA_TUN_PERSIST, 0))),
			Link{Index: 9, Kind: "tun", Tun: &Tun{MultiQueue: true}}},
		{"bridge, kernel without VLAN filtering", newlink(3, 0, bridgeInfo(attr8(nl.IFLA_BR_VLAN_FILTERING, 0))),
			Link{Index: 3, Kind: "bridge", Bridge: &Bridge{}}},
		{"bridge with VLAN filtering", newlink(3, 0, bridgeInfo(attr8(nl.IFLA_BR_VLAN_FILTERING, 1), defaultPVID(4094))),
			Link{Index: 3, Kind: "bridge", Bridge: &Bridge{FiltersVLANs: true, DefaultVLAN: 4094}}},
		{"bridge without a default VLAN", newlink(3, 0, bridgeInfo(attr8(nl.IFLA_BR_VLAN_FILTERING, 1), defaultPVID(0))),
			Link{Index: 3, Kind: "bridge", Bridge: &Bridge{FiltersVLANs: true}}},
		{"bridge port", newlink(5, 0, portInfo(attr8(nl.IFLA_BRPORT_ISOLATED, 1))), Link{Index: 5, Isolated: true}},
		{"name without NUL", newlink(5, 0, nl.NewRtAttr(unix.IFLA_IFNAME, []byte("eth0"))), Link{Index: 5, Name: "eth0"}},
		{"truncated numbers are zero",
			newlink(5, 0, nl.NewRtAttr(unix.IFLA_MTU, []byte{1, 2}), tunInfo(nl.NewRtAttr(nl.IFLA_TUN_TYPE, nil))),
			Link{Index: 5, Kind: "tun", Tun: &Tun{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseLink(tt.msg); got == nil || !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("parseLink\nwant %+v\ngot  %+v", tt.want, got)
			}
		})
	}
}

func TestParseLinkTruncated(t *testing.T) {
	for length := range unix.SizeofIfInfomsg {
		if got := parseLink(make([]byte, length)); got != nil {
			t.Errorf("parseLink of %d bytes\nwant nil\ngot  %+v", length, got)
		}
	}
}

// The kernel stores the length of an attribute modulo 2^16. What precedes the attribute is valid; what follows is
// chosen by the process that made it so long.
func TestParseLinkWithAWrappedAttribute(t *testing.T) {
	wrapped := []byte{200, 0, 1, 0} // length field of 200 bytes
	name, forged := nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("net1")), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("eth0"))
	alias := nl.NewRtAttr(unix.IFLA_IFALIAS, []byte("tap/vms/0123abcd/net1"))
	tap := tunInfo(attr8(nl.IFLA_TUN_TYPE, unix.IFF_TAP), attr8(nl.IFLA_TUN_PERSIST, 1))
	want := Link{
		Index: 5, Name: "net1", Alias: "tap/vms/0123abcd/net1", Kind: "tun", Tun: &Tun{Tap: true, Persistent: true},
	}
	tests := []struct {
		name string
		msg  []byte
	}{
		{"at the end", append(newlink(5, 0, name, alias, tap), wrapped...)},
		{"before attributes that it contains", append(newlink(5, 0, name, alias, tap, forged, nl.NewRtAttr(unix.IFLA_LINKINFO, wrapped)), wrapped...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseLink(tt.msg); got == nil || !reflect.DeepEqual(*got, want) {
				t.Errorf("parseLink\nwant %+v\ngot  %+v", want, got)
			}
		})
	}
	kindless := newlink(5, 0, name, nl.NewRtAttr(unix.IFLA_LINKINFO, wrapped))
	if got := parseLink(kindless); got == nil || got.Name != "net1" || got.Kind != "" {
		t.Errorf("parseLink with a wrapped IFLA_LINKINFO\nwant net1 without a kind\ngot  %+v", got)
	}
}

func TestParseIPv6(t *testing.T) {
	values := make([]byte, 4*6)
	values[4*3], values[4*5] = 2, 1 // accept_ra, autoconf
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	spec.AddRtAttr(unix.AF_INET, []byte{1, 2, 3, 4})
	spec.AddRtAttr(unix.AF_INET6, nil).AddRtAttr(unix.IFLA_INET6_CONF, values)
	got := parseLink(newlink(5, 0, spec)).IPv6
	if got == nil || got.value(IPv6AcceptRA) != 2 || got.value(IPv6AcceptRedirects) != 0 || got.value(IPv6Autoconf) != 1 {
		t.Errorf("values\nwant accept_ra 2, accept_redirects 0, autoconf 1\ngot  %+v", got)
	}
	if short := (&IPv6{values: values[:4*3]}); short.value(IPv6AcceptRA) != 0 {
		t.Errorf("value that the kernel does not report\nwant 0\ngot  %d", short.value(IPv6AcceptRA))
	}
	if got := parseLink(newlink(5, 0)).IPv6; got != nil {
		t.Errorf("device without IPv6\nwant nil\ngot  %+v", got)
	}
}

func TestIsTap(t *testing.T) {
	tests := []struct {
		name string
		link Link
		want bool
	}{
		{"tap", Link{Kind: "tun", Tun: &Tun{Tap: true}}, true},
		{"tun", Link{Kind: "tun", Tun: &Tun{}}, false},
		{"veth", Link{Kind: "veth"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.link.IsTap(); got != tt.want {
				t.Errorf("IsTap\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}
