package plan

import (
	"fmt"
	"slices"

	"tap/internal/netdev"
)

// Difference is one property in which the observed state differs from the desired state.
type Difference struct {
	What            string
	Key             string // configuration key, for a setting
	Expected, Found string // both empty if What is the whole text
	Tolerated       bool   // CHECK only prints a notice: another plugin may have changed it without recording that
}

func (d Difference) String() string {
	if d.Expected == "" && d.Found == "" {
		return d.What
	}
	return fmt.Sprintf("%s: expected %s, found %s", d.What, d.Expected, d.Found)
}

// Missing returns the difference that something is missing.
func Missing(format string, args ...any) Difference {
	return Difference{What: "missing " + fmt.Sprintf(format, args...)}
}

// Diff compares the desired with the observed state.
func Diff(want *Desired, seen *Observed) []Difference {
	d := &differences{}
	tap, link, namesake := want.Devices[Tap], seen.Devices[Tap], seen.Namesake
	switch {
	case link == nil && namesake != nil:
		d.compare("alias", fmt.Sprintf("%q", tap.Alias), fmt.Sprintf("%q on a device of kind %q", namesake.Alias, namesake.Kind))
		return d.list
	case link == nil:
		return []Difference{Missing("device with alias %q", tap.Alias)}
	case !link.IsTap():
		d.compare("kind", "a tap", fmt.Sprintf("%q", link.Kind))
		return d.list
	}
	d.compare("name", tap.Name, link.Name)
	d.compare("persistent", true, link.Tun.Persistent)
	d.compare("up", true, link.Up)
	d.compare("owner", IDText(tap.Owner), IDText(link.Tun.Owner))
	d.compare("group", IDText(tap.Group), IDText(link.Tun.Group))
	d.compare("multiQueue", tap.MultiQueue, link.Tun.MultiQueue)
	d.port(want, seen)
	rest := *tap
	rest.Master = 0 // port has compared it, by name
	d.list = append(d.list, Settings(&rest, link.Link)...)
	if egress := want.Devices[Egress]; egress != nil && seen.Devices[Egress] == nil {
		d.list = append(d.list, Missing("%s %q (%s)", egress.Kind, egress.Name, egress.By.Key))
	}
	if iface := want.Devices[Interface]; iface != nil && seen.Devices[Interface] == nil {
		return append(d.list, Missing("interface %q (%s)", iface.Name, iface.By.Key))
	}
	for _, role := range []Role{Interface, Tap, Egress} {
		if want.Devices[role] != nil && seen.Devices[role] != nil {
			d.device(role, want.Devices[role], seen)
		}
	}
	return d.list
}

// Settings compares the settings that one netlink request applies. They are in the order in which the kernel
// applies them, so after an error the first difference is the setting that the kernel rejected (Linux 6.12,
// net/core/rtnetlink.c, do_setlink).
func Settings(want *Device, found *netdev.Link) []Difference {
	mtu := "MTU"
	if want.MTUFrom != "" {
		mtu = fmt.Sprintf("MTU (must equal the MTU of %q)", want.MTUFrom)
	}
	var list []Difference
	compareSetting(&list, "mac", "MAC", want.MAC.String(), found.MAC.String())
	compareSetting(&list, "mtu", mtu, want.MTU, found.MTU)
	compareSetting(&list, "alias", "alias", want.Alias, found.Alias)
	compareSetting(&list, "promiscMode", "promiscMode", want.Promisc, found.Promisc)
	compareSetting(&list, "allmulti", "allmulti", want.AllMulti, found.AllMulti)
	compareSetting(&list, "master", "master", want.Master, found.Master)
	compareSetting(&list, "txQueueLen", "txQueueLen", want.TxQueueLen, found.TxQueueLen)
	for i, d := range list {
		list[i].Tolerated = d.Key == "txQueueLen" || d.Key == "mtu" && want.MTUFrom == ""
	}
	return list
}

// Unapplied returns the key and value of the first setting of a failed request that the device does not have.
// If the device has all settings that can be read back, the kernel rejected a setting of an address family,
// which it applies last.
func Unapplied(want *Device, found *netdev.Link) string {
	if missing := Settings(want, found); len(missing) > 0 {
		return missing[0].Key + " " + missing[0].Expected
	}
	return fmt.Sprintf("net.ipv4.conf.%s and IPv6 addr_gen_mode", want.Name)
}

// compareSetting skips a setting whose desired value is zero: the kernel chooses it.
func compareSetting[T comparable](list *[]Difference, key, what string, want, found T) {
	if unset := *new(T); want != unset && want != found {
		*list = append(*list, Difference{What: what, Key: key, Expected: fmt.Sprint(want), Found: fmt.Sprint(found)})
	}
}

// differences collects the differences of one comparison.
type differences struct{ list []Difference }

// compare adds a difference if the two values print differently.
func (d *differences) compare(what string, expected, found any) {
	if e, f := fmt.Sprint(expected), fmt.Sprint(found); e != f {
		d.list = append(d.list, Difference{What: what, Expected: e, Found: f})
	}
}

func (d *differences) port(want *Desired, seen *Observed) {
	tap, link := want.Devices[Tap], seen.Devices[Tap]
	switch {
	case tap.MasterName == "":
	case want.Master == nil:
		d.list = append(d.list, Missing("bridge %q", tap.MasterName))
	case want.Master.Index != link.Master:
		d.compare("bridge", fmt.Sprintf("%q", want.Master.Name), fmt.Sprintf("%q", seen.Master))
	default:
		d.compare("isolated", tap.Port.Isolated, link.Isolated)
		d.vlans(tap.Port, want.Master.Bridge, link.VLANs)
	}
}

// device compares the qdiscs and filters of a device, and the settings that the plan has only for its role.
func (d *differences) device(role Role, want *Device, seen *Observed) {
	state, tc := seen.Devices[role], want.TC
	switch role {
	case Interface:
		if want.MAC != nil {
			d.compare(fmt.Sprintf("MAC of %q", state.Name), want.MAC, state.MAC)
		}
		if want.MTU != 0 {
			d.compare(fmt.Sprintf("MTU of %q", state.Name), want.MTU, state.MTU)
		}
	case Egress:
		d.compare(want.By.Key+" device up", true, state.Up)
	}
	for _, hook := range tc.Hooks {
		what := fmt.Sprintf("%s filter of %q", hook.At, state.Name)
		if i := slices.IndexFunc(state.Filters, hook.Matches); i < 0 {
			d.list = append(d.list, Missing("%s", what))
		} else {
			d.compare(what+", BPF program", fmt.Sprintf("%x", hook.Tag), fmt.Sprintf("%x", state.Filters[i].Tag))
		}
	}
	switch limit := tc.Root.Limit; {
	case tc.Root.NoQueue:
		d.compare("root qdisc", "noqueue", state.Root)
	case limit != (netdev.Limit{}) && (state.Bucket == nil || !state.Bucket.Matches(limit)):
		d.compare(tc.RootBy.Key, limit, state.Bucket)
	}
	if to := seen.Devices[tc.Mirror]; to != nil {
		d.compare(tc.MirrorBy.Key+", device index in the ingress filter", to.Index, state.Mirror)
	}
}

// Matches reports whether f is the filter of h, perhaps with another program.
func (h Hook) Matches(f netdev.Filter) bool { return f.Hook == h.At && h.IsOwn(f.Name) }
