package netdev

import (
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// vlanInfos returns attributes IFLA_BRIDGE_VLAN_INFO. Each pair is the flags and the VLAN of a struct
// bridge_vlan_info.
func vlanInfos(pairs ...[2]uint16) []byte {
	var data []byte
	for _, pair := range pairs {
		value := binary.NativeEndian.AppendUint16(nil, pair[0])
		value = binary.NativeEndian.AppendUint16(value, pair[1])
		data = append(data, nl.NewRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, value).Serialize()...)
	}
	return data
}

// Flags of struct bridge_vlan_info, include/uapi/linux/if_bridge.h.
const (
	pvid          = 1 << 1
	untagged      = 1 << 2
	rangeBegin    = 1 << 3
	rangeEnd      = 1 << 4
	pvidUntagged  = pvid | untagged
	untaggedBegin = untagged | rangeBegin
	untaggedEnd   = untagged | rangeEnd
)

func TestVLANsRoundTrip(t *testing.T) {
	tests := []struct {
		name   string
		ranges []VLANRange
		wire   []byte
	}{
		{"none", nil, nil},
		{"access port", []VLANRange{{First: 100, Last: 100, PVID: true, Untagged: true}}, vlanInfos([2]uint16{pvidUntagged, 100})},
		{"trunk", []VLANRange{{First: 1, Last: 1, PVID: true, Untagged: true}, {First: 5, Last: 5}},
			vlanInfos([2]uint16{pvidUntagged, 1}, [2]uint16{0, 5})},
		{"all VLANs", []VLANRange{{First: 1, Last: 4094}},
			vlanInfos([2]uint16{rangeBegin, 1}, [2]uint16{rangeEnd, 4094})},
		{"untagged range", []VLANRange{{First: 5, Last: 6, Untagged: true}},
			vlanInfos([2]uint16{untaggedBegin, 5}, [2]uint16{untaggedEnd, 6})},
		{"tagged PVID", []VLANRange{{First: 7, Last: 7, PVID: true}}, vlanInfos([2]uint16{pvid, 7})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			attr := vlanSpec(tt.ranges).Serialize()
			if got := attribute(attr, unix.IFLA_AF_SPEC); string(got) != string(tt.wire) {
				t.Errorf("vlanSpec\nwant %x\ngot  %x", tt.wire, got)
			}
			if got := parseVLANs(tt.wire); !reflect.DeepEqual(got, tt.ranges) {
				t.Errorf("parseVLANs\nwant %+v\ngot  %+v", tt.ranges, got)
			}
		})
	}
}

func TestParseVLANsUnusualAttributes(t *testing.T) {
	tunnel := nl.NewRtAttr(nl.IFLA_BRIDGE_VLAN_TUNNEL_INFO, []byte{1, 2, 3, 4}).Serialize()
	tests := []struct {
		name string
		spec []byte
		want []VLANRange
	}{
		{"tunnel attribute before a VLAN", append(tunnel, vlanInfos([2]uint16{0, 5})...), []VLANRange{{First: 5, Last: 5}}},
		{"end of a range without its begin", vlanInfos([2]uint16{rangeEnd, 5}), []VLANRange{{First: 5, Last: 5}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseVLANs(tt.spec); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("parseVLANs\nwant %+v\ngot  %+v", tt.want, got)
			}
		})
	}
}

func TestParseVLANsInvalid(t *testing.T) {
	for name, spec := range map[string][]byte{
		"too short":           nl.NewRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, []byte{1, 2}).Serialize(),
		"length of 200 bytes": {200, 0, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			valid := vlanInfos([2]uint16{0, 5})
			if got := parseVLANs(append(valid, spec...)); len(got) != 1 {
				t.Errorf("parseVLANs\nwant the valid one\ngot  %+v", got)
			}
		})
	}
}
