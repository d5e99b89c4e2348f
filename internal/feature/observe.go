package feature

import (
	"slices"

	"tap/internal/cni"
	"tap/internal/plan"
)

// observe reads the state of all devices of the plan.
func (a *Attachment) observe() (*plan.Observed, error) {
	seen := &plan.Observed{Devices: map[plan.Role]*plan.State{}}
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
	for _, role := range []plan.Role{plan.Interface, plan.Tap, plan.Egress} {
		if a.Want.Devices[role] == nil || a.Found[role] == nil {
			continue
		}
		if seen.Devices[role], err = a.readState(role); err != nil {
			return nil, err
		}
	}
	if seen.Addresses, err = a.Conn.Addresses(a.Tap().Index); err != nil {
		return nil, err
	}
	seen.Routes, err = a.Conn.Routes()
	return seen, err
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
	if s.Filters, err = a.Conn.Filters(s.Index); err != nil {
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
	qdiscs, err := a.Conn.Qdiscs()
	if err != nil {
		return "", err
	}
	kind := ""
	for _, q := range qdiscs {
		if q.Device == index && q.IsRoot() {
			kind = q.Kind
		}
	}
	return kind, nil
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
