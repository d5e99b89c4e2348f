package feature

import (
	"fmt"
	"net"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/plan"
)

// Differences compares the attachment in the kernel with what is asked for and with what
// prevResult, the chain's final result, says of it. It only reads, by netlink: attaching to
// the tap would change its SELinux label.
func Differences(conf *netconf.Config, sandbox *netns.Sandbox) ([]plan.Difference, error) {
	a := newAttachment(conf, sandbox, All())
	defer a.Close()
	var d []plan.Difference
	err := a.In(func() error {
		var err error
		d, err = a.differences()
		return err
	})
	return d, deviceFault.Of(err)
}

func (a *Attachment) differences() ([]plan.Difference, error) {
	var err error
	if a.Conn, err = netdev.Dial(); err != nil {
		return nil, err
	}
	if err := a.each(func(f Feature) func(*Attachment) error { return f.Find }); err != nil {
		return nil, err
	}
	if err := a.plan(); err != nil {
		return nil, err
	}
	seen, err := a.observe()
	if err != nil {
		return nil, err
	}
	return a.compare(seen), nil
}

// compare is pure.
func (a *Attachment) compare(seen *plan.Observed) []plan.Difference {
	ours := a.recorded()
	d := plan.Diff(a.Want, seen)
	tap := seen.Devices[plan.Tap]
	if tap == nil || !tap.IsTap() {
		return d
	}
	if ours < 0 {
		return append(d, plan.Difference{What: "prevResult", Expected: fmt.Sprintf("an interface %q in %s", a.Conf.Tap.Name, a.Conf.Netns), Found: "none"})
	}
	if entry := a.Conf.PrevResult.Interfaces[ours]; !isMAC(entry.Mac) {
		d = append(d, plan.Difference{What: "MAC", Expected: entry.Mac, Found: tap.MAC.String()})
	}
	d = append(d, compareAddresses(a.Conf.PrevResult, ours, seen.Addresses)...)
	return append(d, compareRoutes(a.Conf.PrevResult, ours, tap.Index, seen.Routes)...)
}

func isMAC(text string) bool {
	_, err := net.ParseMAC(text)
	return err == nil
}

// recorded puts into the plan what the result says, and returns the tap's place in it; -1: none.
func (a *Attachment) recorded() int {
	conf := a.Conf
	ours := conf.PrevResultIndex(conf.Tap.Name)
	if ours >= 0 {
		entry := conf.PrevResult.Interfaces[ours]
		a.Want.Device(plan.Tap).Recorded(entry.Mac, 0)
		if a.Want.Device(plan.Tap).MTUOf == "" {
			a.Want.Device(plan.Tap).Recorded("", entry.Mtu)
		}
	}
	if iface := a.Want.Devices[plan.Interface]; iface != nil {
		for _, entry := range conf.PrevResult.Interfaces {
			if entry.Sandbox == conf.ContainerID && entry.Name == conf.Tap.Name { // the guest's
				iface.Recorded(entry.Mac, entry.Mtu)
			}
		}
	}
	return ours
}

// observe reads what the plan is about.
func (a *Attachment) observe() (*plan.Observed, error) {
	seen := &plan.Observed{Devices: map[plan.Ref]*plan.State{}}
	links, err := a.Conn.Links()
	if err != nil {
		return nil, err
	}
	tap, egress := a.Want.Device(plan.Tap), a.Want.Devices[plan.Egress]
	for _, link := range links {
		switch {
		case link.Alias == tap.Alias && (a.Tap() == nil || link.Name == tap.Name):
			a.Found[plan.Tap] = link
		case link.Name == tap.Name:
			seen.Namesake = link
		case egress != nil && link.Name == egress.Name && link.Kind == egress.Kind:
			a.Found[plan.Egress] = link
		}
	}
	if a.Tap() == nil {
		return seen, nil
	}
	for _, link := range links {
		if link.Index == a.Tap().Master {
			seen.Master = link.Name
		}
	}
	for ref := range a.Want.Devices {
		if a.Found[ref] == nil {
			continue
		}
		if seen.Devices[ref], err = a.state(ref); err != nil {
			return nil, err
		}
	}
	if seen.Addresses, err = a.Conn.Addresses(a.Tap().Index); err != nil {
		return nil, err
	}
	seen.Routes, err = a.Conn.Routes()
	return seen, err
}

// state reads what is on a device, as far as the plan has something there.
func (a *Attachment) state(ref plan.Ref) (*plan.State, error) {
	want, s := a.Want.Device(ref), &plan.State{Link: a.Found[ref]}
	var err error
	if len(want.Port.VLANs) > 0 {
		if s.VLANs, err = a.Conn.PortVLANs(s.Index); err != nil {
			return nil, err
		}
	}
	if want.TC.Mirror != plan.None {
		if s.Mirror, err = a.Conn.RedirectOf(s.Index); err != nil {
			return nil, err
		}
	}
	if want.TC.Root != (plan.Root{}) {
		if s.Bucket, err = a.Conn.SendingLimit(s.Index); err != nil {
			return nil, err
		}
		qdiscs, err := a.Conn.Qdiscs()
		if err != nil {
			return nil, err
		}
		for _, q := range qdiscs {
			if q.Device == s.Index && q.IsRoot() {
				s.Root = q.Kind
			}
		}
	}
	if len(want.TC.Hooks) == 0 || a.missing(want.TC) {
		return s, nil
	}
	if s.Filters, err = a.Conn.Filters(s.Index); err != nil {
		return nil, want.TC.Hooks[0].By.Kind.Of(err)
	}
	return s, a.tag(&want.TC)
}

func (a *Attachment) missing(tc plan.TC) bool {
	for _, hook := range tc.Hooks {
		if a.Found[hook.Device] == nil {
			return true
		}
	}
	return false
}

// tag loads the programs again: the kernel's hash tells whether those of the filters are the same.
func (a *Attachment) tag(tc *plan.TC) error {
	loaded, err := a.loadHooks(*tc)
	defer loaded.close()
	if err != nil {
		return err
	}
	for i, program := range loaded.programs {
		tag, err := program.Tag()
		if err != nil {
			return tc.Hooks[i].By.Kind.Of(err)
		}
		tc.Hooks[i].Tag = tag
	}
	return nil
}
