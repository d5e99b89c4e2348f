package netdev

import (
	"errors"
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
			got, err := parseLink(tt.msg)
			if err != nil || !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("parseLink\nwant %+v\ngot  %+v, %v", tt.want, got, err)
			}
		})
	}
}

func TestParseLinkTruncated(t *testing.T) {
	for length := range unix.SizeofIfInfomsg {
		if got, err := parseLink(make([]byte, length)); err == nil {
			t.Errorf("parseLink of %d bytes\nwant an error\ngot  %+v", length, got)
		}
	}
}

func TestParseLinksInvalidAttribute(t *testing.T) {
	tooLong := []byte{200, 0, 1, 0} // length field of 200 bytes
	linkInfo := func(children ...*nl.RtAttr) *nl.RtAttr {
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		for _, child := range children {
			info.AddChild(child)
		}
		return info
	}
	tests := []struct {
		name string
		msg  []byte
	}{
		{"message", append(newlink(5, 0), tooLong...)},
		{"IFLA_LINKINFO", newlink(5, 0, nl.NewRtAttr(unix.IFLA_LINKINFO, tooLong))},
		{"IFLA_INFO_DATA of a tun", newlink(5, 0, linkInfo(
			nl.NewRtAttr(unix.IFLA_INFO_KIND, nl.ZeroTerminated("tun")), nl.NewRtAttr(unix.IFLA_INFO_DATA, tooLong)))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := parseLinks([][]byte{newlink(1, 0), tt.msg}, nil); !errors.Is(err, unix.EINVAL) || got != nil {
				t.Errorf("parseLinks\nwant %v\ngot  %v, %v", unix.EINVAL, got, err)
			}
		})
	}
}

func TestParseLinksReturnsRequestError(t *testing.T) {
	if got, err := parseLinks([][]byte{newlink(1, 0)}, unix.EPERM); !errors.Is(err, unix.EPERM) || got != nil {
		t.Errorf("parseLinks\nwant %v\ngot  %v, %v", unix.EPERM, got, err)
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
