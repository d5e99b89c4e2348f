package plugin

import (
	"fmt"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// portOf is how the bridge shall treat the tap.
func portOf(asked netconf.Tap, bridge *netdev.Link) netdev.Port {
	port := netdev.Port{Isolated: asked.Isolated}
	if asked.VLANs.Native == 0 {
		return port
	}
	port.VLANs = vlansOf(asked.VLANs)
	if initial := bridge.Bridge.DefaultVLAN; asked.VLANs.DropDefault && byVLAN(port.VLANs)[initial] == 0 {
		port.DropVLAN = initial
	}
	return port
}

// vlansOf are the VLANs that are asked for.
func vlansOf(asked netconf.VLANs) []netdev.VLANRange {
	list := make([]netdev.VLANRange, 0, 1+len(asked.Tagged))
	list = append(list, netdev.VLANRange{First: asked.Native, Last: asked.Native, PVID: true, Untagged: true})
	for _, r := range asked.Tagged {
		list = append(list, netdev.VLANRange{First: r.First, Last: r.Last})
	}
	return list
}

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

// wantVLANs compares a port with what it shall be: that of the VLANs asked for, and of the
// bridge's default one unless that was to go. (It is its PVID no longer, but untagged.)
// Neighbouring VLANs that differ alike are one difference.
func (d *differences) wantVLANs(asked netconf.VLANs, bridge *netdev.Bridge, found []netdev.VLANRange) {
	if asked.Native == 0 {
		return
	}
	if bridge == nil {
		bridge = &netdev.Bridge{} // what goes by that name now is none
	}
	d.want("vlan_filtering of the bridge", true, bridge.FiltersVLANs)
	expected, has := byVLAN(vlansOf(asked)), byVLAN(found)
	if initial := bridge.DefaultVLAN; initial != 0 && !asked.DropDefault && expected[initial] == 0 {
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
