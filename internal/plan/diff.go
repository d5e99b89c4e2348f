package plan

import (
	"fmt"
	"net"

	"tap/internal/netdev"
)

// Observed is what the kernel has, of what a plan is about.
type Observed struct {
	Devices  map[Ref]*State // nil: not there
	Namesake *netdev.Link   // a device with the tap's name and another alias; nil: none
	Master   string         // name of the bridge whose port the tap is; empty: none

	Addresses []net.IPNet // of the tap
	Routes    []netdev.RouteEntry
}

// State is one device as it is.
type State struct {
	*netdev.Link
	VLANs   []netdev.VLANRange // of a port; read where VLANs are asked for
	Root    string             // kind of its root qdisc
	Bucket  *netdev.Bucket     // its limit; nil: none
	Mirror  int                // index of the device that gets all that it receives; 0: none
	Filters []netdev.Filter    // at its hooks
}

// Difference is something that is not as it was planned.
type Difference struct {
	What            string
	Key             string // of the configuration, where it is a setting
	Expected, Found string
	Mild            bool // others may have changed it for a reason, without recording it
}

func (d Difference) String() string {
	if d.What == "" {
		return fmt.Sprintf("expected %s, found %s", d.Expected, d.Found)
	}
	return fmt.Sprintf("%s: expected %s, found %s", d.What, d.Expected, d.Found)
}

// Diff compares a plan with what is there. Of the tap's settings the first difference is
// the first that the kernel did not apply (Linux 6.12, net/core/rtnetlink.c, do_setlink).
func Diff(want *Desired, seen *Observed) []Difference {
	d := &differences{}
	tap, link := want.Devices[Tap], seen.Devices[Tap]
	switch {
	case link == nil && seen.Namesake != nil:
		d.want("alias", fmt.Sprintf("%q", tap.Alias), fmt.Sprintf("%q on a device of kind %q", seen.Namesake.Alias, seen.Namesake.Kind))
		return d.list
	case link == nil:
		return []Difference{{Expected: fmt.Sprintf("a device with the alias %q", tap.Alias), Found: "none"}}
	case !link.IsTap():
		d.want("kind", "a tap", fmt.Sprintf("%q", link.Kind))
		return d.list
	}
	d.want("name", tap.Name, link.Name)
	d.want("persistent", true, link.Tun.Persistent)
	d.want("up", true, link.Up)
	d.want("owner", idText(tap.Owner), idText(link.Tun.Owner))
	d.want("group", idText(tap.Group), idText(link.Tun.Group))
	d.want("multiQueue", tap.MultiQueue, link.Tun.MultiQueue)
	d.port(want, seen)
	rest := *tap
	rest.Master = 0 // compared above, by name
	d.list = append(d.list, Settings(&rest, link.Link)...)
	if egress := want.Devices[Egress]; egress != nil && seen.Devices[Egress] == nil {
		d.want(egress.By.Key+" device", egress.Name, "no "+egress.Kind+" of that name")
	}
	if iface := want.Devices[Interface]; iface != nil && seen.Devices[Interface] == nil {
		d.want("interface that the guest takes over", fmt.Sprintf("%q", iface.Name), "no such device")
		return d.list
	}
	for _, ref := range []Ref{Interface, Tap, Egress} {
		if want.Devices[ref] != nil && seen.Devices[ref] != nil {
			d.device(ref, want.Devices[ref], seen)
		}
	}
	return d.list
}

// setting is an attribute that one request sets.
type setting struct {
	name   string
	key    string
	asked  func(*Device) bool
	expect func(*Device) any
	found  func(*netdev.Link) any
}

// settings are in the order in which the kernel applies them.
var settings = []setting{
	{"MAC", "mac", func(d *Device) bool { return d.MAC != nil }, func(d *Device) any { return d.MAC.String() }, func(l *netdev.Link) any { return l.MAC.String() }},
	{"MTU", "mtu", func(d *Device) bool { return d.MTU != 0 }, func(d *Device) any { return d.MTU }, func(l *netdev.Link) any { return l.MTU }},
	{"alias", "alias", func(d *Device) bool { return d.Alias != "" }, func(d *Device) any { return d.Alias }, func(l *netdev.Link) any { return l.Alias }},
	{"up", "link", func(d *Device) bool { return d.up }, always("up"), func(l *netdev.Link) any { return upText(l.Up) }},
	{"promiscMode", "promiscMode", func(d *Device) bool { return d.Promisc }, always(true), func(l *netdev.Link) any { return l.Promisc }},
	{"allmulti", "allmulti", func(d *Device) bool { return d.AllMulti }, always(true), func(l *netdev.Link) any { return l.AllMulti }},
	{"master", "master", func(d *Device) bool { return d.Master != 0 }, func(d *Device) any { return d.Master }, func(l *netdev.Link) any { return l.Master }},
	{"txQueueLen", "txQueueLen", func(d *Device) bool { return d.TxQueueLen != 0 }, func(d *Device) any { return d.TxQueueLen }, func(l *netdev.Link) any { return l.TxQueueLen }},
}

func always(value any) func(*Device) any { return func(*Device) any { return value } }

func upText(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// Settings compares what one request sets.
func Settings(want *Device, found *netdev.Link) []Difference {
	d := &differences{}
	for _, s := range settings {
		if !s.asked(want) {
			continue
		}
		name := s.name
		if name == "MTU" && want.MTUOf != "" {
			name = fmt.Sprintf("MTU, which is that of %q", want.MTUOf)
		}
		before := len(d.list)
		if d.want(name, s.expect(want), s.found(found)); len(d.list) > before {
			d.list[before].Key = s.key
			d.list[before].Mild = s.name == "MTU" && want.MTUOf == "" || s.name == "txQueueLen"
		}
	}
	return d.list
}

// Unapplied names the first setting of a failed request that the device does not have, with
// its value. up reports whether the request was to bring the device up as well. If the device
// has all settings, the kernel refused arp_notify, which is applied last and not read back.
func Unapplied(want *Device, up bool, found *netdev.Link) string {
	requested := *want
	requested.up = up
	for _, d := range Settings(&requested, found) {
		return d.Key + " " + d.Expected
	}
	return "arp_notify"
}

func (d *differences) port(want *Desired, seen *Observed) {
	tap, link := want.Devices[Tap], seen.Devices[Tap]
	switch {
	case tap.MasterName == "":
	case want.Master == nil:
		d.want("bridge", tap.MasterName, "no such device")
	case want.Master.Index != link.Master:
		d.want("bridge", fmt.Sprintf("%q", want.Master.Name), fmt.Sprintf("%q", seen.Master))
	default:
		d.want("isolated", tap.Port.Isolated, link.Isolated)
		d.vlans(tap.Port, want.Master.Bridge, link.VLANs)
	}
}

// device compares what is on a device, and those of its settings that a result recorded.
func (d *differences) device(ref Ref, want *Device, seen *Observed) {
	state, tc := seen.Devices[ref], want.TC
	switch ref {
	case Interface:
		if want.MAC != nil && want.MAC.String() != state.MAC.String() {
			d.want(fmt.Sprintf("MAC of %q, which the guest bears", state.Name), want.MAC, state.MAC)
		}
		if want.MTU != 0 {
			d.want(fmt.Sprintf("MTU of %q, which the guest has", state.Name), want.MTU, state.MTU)
		}
	case Egress:
		d.want(want.By.Key+" device up", true, state.Up)
	}
	for _, hook := range tc.Hooks {
		what := fmt.Sprintf("filter of frames %s by %q", hook.At, state.Name)
		if found := find(state.Filters, hook); found == nil {
			d.want(what, "one of this attachment", "none")
		} else {
			d.want(what+", BPF program", fmt.Sprintf("%x", hook.Tag), fmt.Sprintf("%x", found.Tag))
		}
	}
	switch limit := tc.Root.Limit; {
	case tc.Root.NoQueue:
		d.want("root qdisc", "noqueue", state.Root)
	case limit != (netdev.Limit{}) && (state.Bucket == nil || !state.Bucket.Is(limit)):
		d.want(tc.rootBy.Key, limit, state.Bucket)
	}
	if to := seen.Devices[tc.Mirror]; to != nil {
		d.want("bandwidth, index of the egress device that gets the guest's frames", to.Index, state.Mirror)
	}
}

func find(filters []netdev.Filter, hook Hook) *netdev.Filter {
	for i, f := range filters {
		if f.Hook == hook.At && hook.Ours(f.Name) {
			return &filters[i]
		}
	}
	return nil
}

type differences struct{ list []Difference }

func (d *differences) want(what string, expected, found any) {
	if e, f := fmt.Sprint(expected), fmt.Sprint(found); e != f {
		d.list = append(d.list, Difference{What: what, Expected: e, Found: f})
	}
}

func idText(id *uint32) string {
	if id == nil {
		return "none"
	}
	return fmt.Sprint(*id)
}

// Recorded replaces what was asked for by what a result says of it: later plugins of a
// chain record there what they changed.
func (d *Device) Recorded(mac string, mtu int) {
	if parsed, err := net.ParseMAC(mac); err == nil {
		d.MAC = parsed
	}
	if mtu != 0 {
		d.MTU = mtu
	}
}
