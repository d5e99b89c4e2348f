package plan

import (
	"slices"
	"testing"

	"tap/internal/netdev"
)

func one(vlan int) netdev.VLANRange { return netdev.VLANRange{First: vlan, Last: vlan} }

func native(vlan int) netdev.VLANRange {
	return netdev.VLANRange{First: vlan, Last: vlan, PVID: true, Untagged: true}
}

func noTag(vlan int) netdev.VLANRange {
	return netdev.VLANRange{First: vlan, Last: vlan, Untagged: true}
}

func TestDiffVLANs(t *testing.T) {
	access := netdev.Port{VLANs: []netdev.VLANRange{native(100)}}
	trunk := netdev.Port{VLANs: []netdev.VLANRange{native(1), {First: 2, Last: 4094}}}
	full := []netdev.VLANRange{native(1), {First: 2, Last: 4094}}
	tests := []struct {
		name   string
		asked  netdev.Port
		bridge *netdev.Bridge
		found  []netdev.VLANRange
		want   []string
	}{
		{"none asked for", netdev.Port{}, &netdev.Bridge{DefaultVLAN: 1}, []netdev.VLANRange{one(7)}, nil},
		{"access port", access, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{noTag(1), native(100)}, nil},
		{"no default", access, &netdev.Bridge{FiltersVLANs: true}, []netdev.VLANRange{native(100)}, nil},
		{"trunk of all", trunk, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, full, nil},
		{"trunk of all, default dropped but asked for", trunk, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 9}, full, nil},
		{"as two ranges", trunk, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{native(1), {First: 2, Last: 9}, {First: 10, Last: 4094}}, nil},

		{"default gone", access, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{native(100)},
			[]string{"VLAN 1: expected untagged, found none"}},
		{"default still there", netdev.Port{VLANs: []netdev.VLANRange{native(100)}, DropVLAN: 5}, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 5}, []netdev.VLANRange{noTag(5), native(100)},
			[]string{"VLAN 5: expected none, found untagged"}},
		{"another PVID", access, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{native(1), noTag(100)},
			[]string{"VLAN 1: expected untagged, found PVID, untagged", "VLAN 100: expected PVID, untagged, found untagged"}},
		{"native with a tag", access, &netdev.Bridge{FiltersVLANs: true}, []netdev.VLANRange{{First: 100, Last: 100, PVID: true}},
			[]string{"VLAN 100: expected PVID, untagged, found PVID, tagged"}},
		{"some of the trunk gone, one without its tag", trunk, &netdev.Bridge{FiltersVLANs: true, DefaultVLAN: 1}, []netdev.VLANRange{native(1), {First: 2, Last: 9}, noTag(30), {First: 31, Last: 4094}},
			[]string{"VLANs 10-29: expected tagged, found none", "VLAN 30: expected tagged, found untagged"}},
		{"a foreign one, the last", access, &netdev.Bridge{FiltersVLANs: true}, []netdev.VLANRange{native(100), one(4094)},
			[]string{"VLAN 4094: expected none, found tagged"}},
		{"the bridge filters no longer", access, &netdev.Bridge{}, []netdev.VLANRange{native(100)},
			[]string{"vlan_filtering of the bridge: expected true, found false"}},
		{"no bridge any more", access, nil, nil,
			[]string{"vlan_filtering of the bridge: expected true, found false", "VLAN 100: expected PVID, untagged, found none"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &differences{}
			d.vlans(tt.asked, tt.bridge, tt.found)
			var got []string
			for _, one := range d.list {
				got = append(got, one.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("vlans\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}
