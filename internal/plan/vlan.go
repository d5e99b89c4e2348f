package plan

import (
	"fmt"

	"tap/internal/netdev"
)

// vlans has how a port is in each VLAN, by its number; 0: it is not.
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

func byVLAN(list []netdev.VLANRange) *vlans {
	all := &vlans{}
	for _, r := range list {
		how := member
		if r.PVID {
			how |= pvid
		}
		if r.Untagged {
			how |= untagged
		}
		for v := max(r.First, 0); v <= r.Last && v < len(all); v++ {
			all[v] = how
		}
	}
	return all
}

// vlans compares a port with what it is to be: that of the VLANs asked for, and of the
// bridge's default one unless that was to go. (It is its PVID no longer, but untagged.)
// Neighbouring VLANs that differ alike are one difference.
func (d *differences) vlans(want netdev.Port, bridge *netdev.Bridge, found []netdev.VLANRange) {
	if len(want.VLANs) == 0 {
		return
	}
	if bridge == nil {
		bridge = &netdev.Bridge{} // what goes by that name now is none
	}
	d.want("vlan_filtering of the bridge", true, bridge.FiltersVLANs)
	expected, has := byVLAN(want.VLANs), byVLAN(found)
	if initial := bridge.DefaultVLAN; initial != 0 && want.DropVLAN != initial && expected[initial] == 0 {
		expected[initial] = member | untagged
	}
	for first := 1; first < len(expected); {
		last := first
		for last+1 < len(expected) && expected[last+1] == expected[first] && has[last+1] == has[first] {
			last++
		}
		name := fmt.Sprintf("VLAN %d", first)
		if last > first {
			name = fmt.Sprintf("VLANs %d-%d", first, last)
		}
		d.want(name, expected[first], has[first])
		first = last + 1
	}
}

// Member says whether a VLAN is in a list.
func Member(list []netdev.VLANRange, vlan int) bool { return byVLAN(list)[vlan] != 0 }
