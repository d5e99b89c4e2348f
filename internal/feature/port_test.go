package feature

import (
	"reflect"
	"slices"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
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

func TestPortOfAnotherKindOfDevice(t *testing.T) {
	asked := netconf.Tap{VLANs: netconf.VLANs{Native: 100, DropDefault: true}}
	want := netdev.Port{VLANs: []netdev.VLANRange{native(100)}}
	if got := portOf(asked, &netdev.Link{Kind: "veth"}); !reflect.DeepEqual(got, want) {
		t.Errorf("portOf\nwant %+v\ngot  %+v", want, got)
	}
}

// What CHECK reports of the VLANs of a port, from the keys of the configuration on.
func TestCompareVLANs(t *testing.T) {
	access := netconf.VLANs{Native: 100}
	trunk := netconf.VLANs{Native: 1, Tagged: []netconf.VLANRange{{First: 2, Last: 4094}}, DropDefault: true}
	full := []netdev.VLANRange{native(1), {First: 2, Last: 4094}}
	tests := []struct {
		name   string
		asked  netconf.VLANs
		bridge *netdev.Bridge
		found  []netdev.VLANRange
		want   []string
	}{
		{"none requested", netconf.VLANs{}, &netdev.Bridge{DefaultVLAN: 1}, []netdev.VLANRange{one(7)}, nil},
		{"access port", access, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{noTag(1), native(100)}, nil},
		{"no default", access, &netdev.Bridge{FiltersVLANs: true}, []netdev.VLANRange{native(100)}, nil},
		{"trunk of all", trunk, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, full, nil},
		{"trunk of all, the default is dropped but requested", trunk, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 9}, full, nil},
		{"as two ranges", trunk, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{native(1), {First: 2, Last: 9}, {First: 10, Last: 4094}}, nil},

		{"default gone", access, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{native(100)},
			[]string{"VLAN 1: expected untagged, found none"}},
		{"default still there", netconf.VLANs{Native: 100, DropDefault: true}, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 5}, []netdev.VLANRange{noTag(5), native(100)},
			[]string{"VLAN 5: expected none, found untagged"}},
		{"another PVID", access, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{native(1), noTag(100)},
			[]string{"VLAN 1: expected untagged, found PVID, untagged", "VLAN 100: expected PVID, untagged, found untagged"}},
		{"native with a tag", access, &netdev.Bridge{FiltersVLANs: true}, []netdev.VLANRange{{First: 100, Last: 100, PVID: true}},
			[]string{"VLAN 100: expected PVID, untagged, found PVID, tagged"}},
		{"some of the trunk gone, one without its tag", trunk, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{native(1), {First: 2, Last: 9}, noTag(30), {First: 31, Last: 4094}},
			[]string{"VLANs 10-29: expected tagged, found none", "VLAN 30: expected tagged, found untagged"}},
		{"a foreign one, the last", access, &netdev.Bridge{FiltersVLANs: true}, []netdev.VLANRange{native(100), one(4094)},
			[]string{"VLAN 4094: expected none, found tagged"}},
		{"the bridge no longer filters", access, &netdev.Bridge{}, []netdev.VLANRange{native(100)},
			[]string{"vlan_filtering of the bridge: expected true, found false"}},
		{"no longer a bridge", access, nil, nil,
			[]string{"vlan_filtering of the bridge: expected true, found false", "VLAN 100: expected PVID, untagged, found none"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf := &netconf.Config{Tap: netconf.Tap{Name: "net1", Bridge: "br0", VLANs: tt.asked}}
			p := &port{bridge: &netdev.Link{Index: 3, Name: "br0", Bridge: tt.bridge}}
			a := newAttachment(conf, nil, []Feature{newBase(), {Plan: p.plan}})
			if err := a.run(planStep); err != nil {
				t.Fatal(err)
			}
			tap := &netdev.Link{Name: "net1", Alias: conf.Alias(), Up: true, Master: 3, Tun: &netdev.Tun{Tap: true, Persistent: true}}
			seen := &plan.Observed{Devices: map[plan.Role]*plan.State{plan.Tap: {Link: tap, VLANs: tt.found}}}
			if got := texts(plan.Diff(a.Want, seen)); !slices.Equal(got, tt.want) {
				t.Errorf("differences\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}
