package feature

import (
	"errors"
	"fmt"
	"slices"

	"tap/internal/bpf"
	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/plan"
)

// clsact is the qdisc that has a hook for received and one for sent frames.
const clsact = "clsact"

var (
	redirectKind = cni.Kind{Code: cni.CodeRedirect, Advice: "redirect needs the kernel modules sch_ingress and cls_bpf " +
		"(modprobe loads them), and CAP_BPF or CAP_SYS_ADMIN, which root of a user namespace does not have"}
	redirectNeed = plan.Need{Key: "redirect", Kind: redirectKind}

	errNoInterface = redirectKind.With("put the plugin that creates the interface CNI_IFNAME before this one in the chain").
			New("no such interface")
	errNotEthernet = redirectKind.With("use an Ethernet interface (veth, macvlan, a physical one): the guest has an Ethernet card").
			New("not an Ethernet interface")
	errNoClsact = redirectKind.With("replace the qdisc ingress by clsact, which excludes it: its filters work there as well").
			New("redirect needs clsact")
	errRedirected = redirectKind.With("an interface has one guest: DEL the attachment that the message names, " +
		"or delete its filters (tc filter show dev INTERFACE ingress)").New("already redirected")
	errOwnFilters = redirectKind.With("DEL the attachment before it is added again; if the chain has two entries of tap with " +
		"redirect, remove one").New("already redirected by this attachment")
)

// redirect makes the guest the pod on the network: it has the MAC address and the IP addresses of the pod's
// interface, which an earlier plugin of the chain created. BPF programs at both hooks of both devices pass
// all frames between the two and drop all others, so that the pod's kernel receives nothing from the
// interface and sends nothing to it:
//
//	         interface                                tap
//	network ──> received: redirect to the tap ──────> sent: accept only from the interface ──> guest
//	network <── sent: accept only from the tap <───── received: redirect to the interface <─── guest
type redirect struct {
	iface     *netdev.Link // nil if not requested or missing
	hasClsact bool         // the interface has the qdisc clsact
	rootQdisc string       // kind of its root qdisc, if another process added one
}

func newRedirect() Feature {
	r := &redirect{}
	return Feature{Find: r.find, LockAndValidate: r.lockAndValidate, Plan: r.plan, AddStub: addStubInterface}
}

func (r *redirect) find(a *Attachment) error {
	if !a.Conf.Tap.Redirect {
		return nil
	}
	link, err := a.Conn.LinkByName(a.Conf.IfName)
	if err == nil {
		r.iface, a.Found[plan.Interface] = link, link
	} else if !errors.Is(err, netdev.ErrNotFound) {
		return redirectError(a, err)
	}
	return nil
}

// lockAndValidate locks the interface before it inspects the qdiscs, so that no other ADD changes them
// afterwards.
func (r *redirect) lockAndValidate(a *Attachment) error {
	switch {
	case !a.Conf.Tap.Redirect:
		return nil
	case r.iface == nil:
		return redirectError(a, errNoInterface)
	case !r.iface.Ethernet:
		return redirectError(a, errNotEthernet)
	}
	if err := lockInterface(a, r.iface); err != nil {
		return redirectError(a, err)
	}
	return redirectError(a, r.inspectTC(a))
}

// redirectError adds the operation and the interface to an error.
func redirectError(a *Attachment, err error) error {
	if err == nil {
		return nil
	}
	return listError(redirectKind, fmt.Errorf("redirect interface %q in %s: %w", a.Conf.IfName, a.Conf.Netns, err))
}

// lockInterface prevents other ADDs from redirecting the interface. Without the lock, an ADD of the same
// attachment could add filters with the same names, and any ADD the qdisc, which the undo could not tell from
// its own. Close releases the lock.
func lockInterface(a *Attachment, link *netdev.Link) error {
	lock, err := netns.TryLock(fmt.Sprintf("tap/:interface/%d", link.Index))
	if errors.Is(err, netns.ErrLocked) {
		return concurrentChange(redirectNeed, err)
	}
	if err == nil {
		a.onClose = append(a.onClose, lock.Close)
	}
	return err
}

// inspectTC reads the qdiscs and filters of the interface, and rejects those that exclude redirect mode.
func (r *redirect) inspectTC(a *Attachment) error {
	qdiscs, err := a.Conn.Qdiscs(func(q netdev.Qdisc) bool { return q.Device == r.iface.Index })
	if err != nil {
		return err
	}
	for _, q := range qdiscs {
		switch {
		case q.HasHooks() && q.Kind != clsact:
			return fmt.Errorf("has the qdisc %s: %w", q.Kind, errNoClsact)
		case q.HasHooks():
			r.hasClsact = true
		case q.IsRoot() && !q.IsDefault():
			r.rootQdisc = q.Kind
		}
	}
	if !r.hasClsact {
		return nil
	}
	filters, err := a.Conn.Filters(r.iface.Index, func(f netdev.Filter) bool {
		return a.Conf.IsHook(f.Name) || netconf.IsRedirectFilterName(f.Name)
	})
	switch {
	case err != nil:
		return err
	case slices.ContainsFunc(filters, func(f netdev.Filter) bool { return a.Conf.IsHook(f.Name) }):
		return errOwnFilters
	case len(filters) > 0:
		return fmt.Errorf("%w by %s", errRedirected, filters[0].Name)
	}
	return nil
}

func (r *redirect) plan(a *Attachment) error {
	if !a.Conf.Tap.Redirect {
		return nil
	}
	tap, iface, alias := a.Want.Device(plan.Tap), a.Want.Device(plan.Interface), a.Conf.Alias()
	a.Want.Outlet = plan.Interface
	iface.Name, iface.By, iface.TC.ForeignRoot, iface.TC.HasClsact = a.Conf.IfName, redirectNeed, r.rootQdisc, r.hasClsact
	if r.iface != nil {
		tap.MTU, tap.MTUFrom = r.iface.MTU, r.iface.Name
	}
	// The qdisc fq would drop frames that carry a timestamp from their previous path.
	if err := tap.TC.SetRoot(plan.Root{NoQueue: true, Default: true}, redirectNeed); err != nil {
		return err
	}
	isAlias := func(name string) bool { return name == alias }
	if err := tap.TC.AddHooks(hooksTo(plan.Interface, alias, isAlias)...); err != nil {
		return err
	}
	return iface.TC.AddHooks(hooksTo(plan.Tap, a.Conf.HookName(!r.hasClsact), a.Conf.IsHook)...)
}

// hooksTo returns the hooks of a device. The hook of received frames is last: it begins to redirect frames to
// the other device when everything else is in place.
func hooksTo(other plan.Role, name string, isOwn func(string) bool) []plan.Hook {
	return []plan.Hook{
		{At: netdev.EgressHook, Name: name, IsOwn: isOwn, Device: other, Load: load(bpf.LoadOnlyFrom), By: redirectNeed},
		{At: netdev.IngressHook, Name: name, IsOwn: isOwn, Device: other, Load: load(bpf.LoadRedirect), By: redirectNeed},
	}
}

func load(program func(device int) (*bpf.Program, error)) func(*netdev.Link) (*bpf.Program, error) {
	return func(device *netdev.Link) (*bpf.Program, error) { return program(device.Index) }
}

// addStubInterface creates an interface that can be redirected, as an earlier plugin of the chain does for
// the container.
func addStubInterface(a *Attachment) error {
	if !a.Conf.Tap.Redirect {
		return nil
	}
	a.Conf.IfName = "trial"
	conf := *a.Conf
	conf.Tap = netconf.Tap{Name: conf.IfName}
	stub := newAttachment(&conf, a.Sandbox, []Feature{newBase()})
	stub.stop = a.stop
	a.onClose = append(a.onClose, stub.Close)
	if err := stub.open(planStep); err != nil {
		return err
	}
	return stub.Create()
}
