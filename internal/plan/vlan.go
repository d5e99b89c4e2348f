package plan

import (
	"fmt"

	"tap/internal/netdev"
)

// vlans maps each VLAN ID to the membership of a port; zero means not a member.
type vlans [1 << 12]membership

type membership uint8

const (
	member membership = 1 << iota
	pvid
	untagged
)

func (m membership) String() string {
	switch m {
	case 0:
		return "none"
	case member:
		return "tagged"
	case member | untagged:
		return "untagged"
	case member | pvid:
		return "PVID, tagged"
	}
	return "PVID, untagged"
}

// newVLANs expands ranges.
func newVLANs(list []netdev.VLANRange) *vlans {
	all := &vlans{}
	for _, r := range list {
		m := member
		if r.PVID {
			m |= pvid
		}
		if r.Untagged {
			m |= untagged
		}
		for v := max(r.First, 0); v <= r.Last && v < len(all); v++ {
			all[v] = m
		}
	}
	return all
}

// vlans compares the VLANs of a port. Expected are the VLANs of the configuration and the default VLAN of the
// bridge, unless the configuration drops it. (The default VLAN stays untagged, but loses the PVID to the
// native VLAN.) Adjacent VLANs with the same difference are reported as one range.
func (d *differences) vlans(want netdev.Port, bridge *netdev.Bridge, found []netdev.VLANRange) {
	if len(want.VLANs) == 0 {
		return
	}
	if bridge == nil {
		bridge = &netdev.Bridge{} // a device of another kind has the name now
	}
	d.compare("vlan_filtering of the bridge", true, bridge.FiltersVLANs)
	expected, actual := newVLANs(want.VLANs), newVLANs(found)
	if defaultVLAN := bridge.DefaultVLAN; defaultVLAN != 0 && want.DropVLAN != defaultVLAN && expected[defaultVLAN] == 0 {
		expected[defaultVLAN] = member | untagged
	}
	for first := 1; first < len(expected); {
		last := first
		for last+1 < len(expected) && expected[last+1] == expected[first] && actual[last+1] == actual[first] {
			last++
		}
		name := fmt.Sprintf("VLAN %d", first)
		if last > first {
			name = fmt.Sprintf("VLANs %d-%d", first, last)
		}
		d.compare(name, expected[first], actual[first])
		first = last + 1
	}
}

// Member reports whether list contains a VLAN.
func Member(list []netdev.VLANRange, vlan int) bool { return newVLANs(list)[vlan] != 0 }
