package feature

import (
	"reflect"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

func one(vlan int) netdev.VLANRange { return netdev.VLANRange{First: vlan, Last: vlan} }

func native(vlan int) netdev.VLANRange {
	return netdev.VLANRange{First: vlan, Last: vlan, PVID: true, Untagged: true}
}

func noTag(vlan int) netdev.VLANRange {
	return netdev.VLANRange{First: vlan, Last: vlan, Untagged: true}
}

func TestPortOf(t *testing.T) {
	drop := netconf.VLANs{Native: 100, Tagged: []netconf.VLANRange{{First: 5, Last: 7}}, DropDefault: true}
	all := []netdev.VLANRange{native(100), {First: 5, Last: 7}}
	tests := []struct {
		name    string
		asked   netconf.Tap
		initial int // the bridge's default VLAN
		want    netdev.Port
	}{
		{"nothing", netconf.Tap{}, 1, netdev.Port{}},
		{"isolated", netconf.Tap{Isolated: true}, 1, netdev.Port{Isolated: true}},
		{"access port", netconf.Tap{VLANs: netconf.VLANs{Native: 100}}, 1, netdev.Port{VLANs: []netdev.VLANRange{native(100)}}},
		{"default dropped", netconf.Tap{VLANs: drop, Isolated: true}, 1, netdev.Port{VLANs: all, DropVLAN: 1, Isolated: true}},
		{"another default dropped", netconf.Tap{VLANs: drop}, 9, netdev.Port{VLANs: all, DropVLAN: 9}},
		{"no default to drop", netconf.Tap{VLANs: drop}, 0, netdev.Port{VLANs: all}},
		{"the default is the native one", netconf.Tap{VLANs: drop}, 100, netdev.Port{VLANs: all}},
		{"the default is in the trunk", netconf.Tap{VLANs: drop}, 6, netdev.Port{VLANs: all}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := portOf(tt.asked, &netdev.Link{Bridge: &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: tt.initial}})
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("portOf\nwant %+v\ngot  %+v", tt.want, got)
			}
		})
	}
}
