package feature

import (
	"errors"
	"slices"

	"tap/internal/cni"
	"tap/internal/netdev"
	"tap/internal/plan"
)

// observe reads the state of all devices of the plan.
func (a *Attachment) observe() (*plan.Observed, error) {
	seen := &plan.Observed{Devices: map[plan.Role]*plan.State{}}
	if err := a.findTap(seen); err != nil || a.Tap() == nil {
		return seen, err
	}
	if master := a.Tap().Master; master != 0 {
		link, err := a.Conn.LinkByIndex(master)
		if err == nil {
			seen.Master = link.Name
		} else if !errors.Is(err, netdev.ErrNotFound) {
			return nil, err
		}
	}
	if egress := a.Want.Devices[plan.Egress]; egress != nil {
		link, err := a.linkNamed(egress.Name)
		if err != nil {
			return nil, err
		}
		if link != nil && link.Kind == egress.Kind {
			a.Found[plan.Egress] = link
		}
	}
	for _, role := range []plan.Role{plan.Interface, plan.Tap, plan.Egress} {
		if a.Want.Devices[role] == nil || a.Found[role] == nil {
			continue
		}
		var err error
		if seen.Devices[role], err = a.readState(role); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// findTap looks up the tap by its name, then by its alias, in case it was renamed.
func (a *Attachment) findTap(seen *plan.Observed) error {
	tap := a.Want.Device(plan.Tap)
	link, err := a.linkNamed(tap.Name)
	if err != nil {
		return err
	}
	if link != nil && link.Alias == tap.Alias {
		a.Found[plan.Tap] = link
		return nil
	}
	seen.Namesake = link
	renamed, err := a.Conn.Links(tapKind, func(l *netdev.Link) bool { return l.Alias == tap.Alias })
	if len(renamed) > 0 {
		a.Found[plan.Tap] = renamed[0]
		return nil
	}
	return err
}

// linkNamed returns the device with a name; nil if it is missing. An alternative name does not count.
func (a *Attachment) linkNamed(name string) (*netdev.Link, error) {
	link, err := a.Conn.LinkByName(name)
	switch {
	case errors.Is(err, netdev.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case link.Name != name:
		return nil, nil
	}
	return link, nil
}

// observeLayer3 compares the addresses and routes of prevResult with those of the kernel. It returns nil if the
// tap is missing, or its entry in prevResult.
func (a *Attachment) observeLayer3() (*expectedLayer3, error) {
	index := a.Conf.PrevResultIndex(a.Conf.Tap.Name)
	if a.Tap() == nil || index < 0 {
		return nil, nil
	}
	expected := newExpectedLayer3(a.Conf.PrevResult, index, a.Tap().Index)
	if err := a.Conn.Addresses(a.Tap().Index, expected.seeAddress); err != nil {
		return nil, err
	}
	return expected, a.Conn.Routes(expected.seeRoute)
}

// readState reads the state of one device, as far as the plan has something to compare it with.
func (a *Attachment) readState(role plan.Role) (*plan.State, error) {
	want, s := a.Want.Device(role), &plan.State{Link: a.Found[role]}
	var err error
	if len(want.Port.VLANs) > 0 {
		if s.VLANs, err = a.Conn.PortVLANs(s.Index); err != nil {
			return nil, err
		}
	}
	if want.TC.Mirror != plan.None {
		if s.Mirror, err = a.Conn.IngressMirrorOf(s.Index); err != nil {
			return nil, err
		}
	}
	switch root := want.TC.Root; {
	case root == (plan.Root{}):
	case root.NoQueue:
		if s.Root, err = a.rootQdisc(s.Index); err != nil {
			return nil, want.TC.RootBy.Kind.Wrap(err)
		}
	default:
		if s.Bucket, err = a.Conn.TBF(s.Index); err != nil {
			return nil, readKind(role, want).Wrap(err)
		}
	}
	lacksDevice := func(hook plan.Hook) bool { return a.Found[hook.Device] == nil }
	if len(want.TC.Hooks) == 0 || slices.ContainsFunc(want.TC.Hooks, lacksDevice) {
		return s, nil
	}
	isOwn := func(f netdev.Filter) bool {
		return slices.ContainsFunc(want.TC.Hooks, func(hook plan.Hook) bool { return hook.Matches(f) })
	}
	if s.Filters, err = a.Conn.Filters(s.Index, isOwn); err != nil {
		return nil, want.TC.Hooks[0].By.Kind.Wrap(err)
	}
	return s, a.loadTags(&want.TC)
}

// readKind returns the kind of an error while the limit of a device is read. ADD made the tap and the egress
// device, so an error there concerns the tap. The pod's interface concerns the feature that needs it.
func readKind(role plan.Role, want *plan.Device) cni.Kind {
	if role == plan.Interface {
		return want.By.Kind
	}
	return deviceKind
}

// rootQdisc returns the kind of the root qdisc of a device, or "" if the kernel lists none.
func (a *Attachment) rootQdisc(index int) (string, error) {
	qdiscs, err := a.Conn.Qdiscs(func(q netdev.Qdisc) bool { return q.Device == index && q.IsRoot() })
	if err != nil || len(qdiscs) == 0 {
		return "", err
	}
	return qdiscs[0].Kind, nil
}

// loadTags loads the programs of tc to learn their tags. The tag is a hash that the kernel computes; a filter
// has the same program if it has the same tag.
func (a *Attachment) loadTags(tc *plan.TC) error {
	loaded, err := a.loadHooks(*tc)
	defer loaded.close()
	if err != nil {
		return err
	}
	for i, program := range loaded.programs {
		tag, err := program.Tag()
		if err != nil {
			return tc.Hooks[i].By.Kind.Wrap(err)
		}
		tc.Hooks[i].Tag = tag
	}
	return nil
}
