package feature

import (
	"errors"
	"fmt"

	"tap/internal/bpf"
	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/plan"
)

// clsact is the qdisc with hooks in both directions.
const clsact = "clsact"

func redirectKind(advice string) cni.Kind { return cni.Kind{Code: cni.CodeRedirect, Advice: advice} }

var (
	redirectFault = redirectKind("redirect needs the kernel's modules sch_ingress and cls_bpf (modprobe loads them), and CAP_BPF or CAP_SYS_ADMIN, which the root of a user namespace does not have there")

	errNoInterface = redirectKind("redirect takes over the interface that CNI_IFNAME names: a plugin before this one in the chain must make it").New("no such interface")
	errNotEthernet = redirectKind("the guest of a tap has an Ethernet card: redirect works with interfaces such as veth, macvlan and physical ones").New("it has no Ethernet frames")
	errOneHook     = redirectKind("redirect needs the qdisc clsact, which excludes the qdisc ingress; whoever made that one may use clsact instead, where its filters work as well").New("what it sends has no hook")
	errTakenOver   = redirectKind("an interface has one guest: DEL the attachment that the message names, or delete its filters (tc filter show dev INTERFACE ingress)").New("taken over already")
	errOwnAlready  = redirectKind("DEL it before it is added again; where the chain has two entries of tap with redirect, remove one").New("this attachment has it already")
	errMeanwhile   = redirectKind(cni.MayTryAgain).New("somebody else was at work on it at the same time")
)

// redirect lets the guest be the pod: it takes over an interface that a plugin before us
// made, with its MAC address, its addresses, its wire. Programs at both hooks of both
// devices pass everything between the two, and nothing else: the namespace itself neither
// receives what comes in by the interface, nor sends anything on it.
type redirect struct {
	iface  *netdev.Link // nil: not asked for
	clsact bool         // the interface has the qdisc
	queue  string       // kind of its root qdisc, where another made one
}

func newRedirect() Feature {
	r := &redirect{}
	return Feature{Find: r.find, Refuse: r.refuse, Plan: r.plan, Try: makeInterface}
}

func (r *redirect) find(a *Attachment) error {
	if !a.Conf.Tap.Redirect {
		return nil
	}
	link, err := a.Conn.LinkByName(a.Conf.IfName)
	if err == nil {
		r.iface, a.Found[plan.Interface] = link, link
	} else if !errors.Is(err, netdev.ErrNotFound) {
		return takeOver(a, err)
	}
	return nil
}

func (r *redirect) refuse(a *Attachment) error {
	switch {
	case !a.Conf.Tap.Redirect:
		return nil
	case r.iface == nil:
		return takeOver(a, errNoInterface)
	case !r.iface.Ethernet:
		return takeOver(a, errNotEthernet)
	}
	if err := lockInterface(a, r.iface); err != nil { // before the look: what that sees stays so
		return takeOver(a, err)
	}
	return takeOver(a, r.look(a))
}

// takeOver says in an error what was attempted.
func takeOver(a *Attachment, err error) error {
	if err == nil {
		return nil
	}
	return redirectFault.Of(fmt.Errorf("take over interface %q in %s: %w", a.Conf.IfName, a.Conf.Netns, err))
}

// lockInterface keeps every other ADD from redirecting the interface: its filters would not
// be told from those of an attachment that has the same name, nor would the qdisc that
// both want to make. The lock ends with the attachment's Close.
func lockInterface(a *Attachment, link *netdev.Link) error {
	claim, err := netns.ClaimHere(fmt.Sprintf("tap/:interface/%d", link.Index))
	if errors.Is(err, netns.ErrClaimed) {
		return fmt.Errorf("%w: %w", errMeanwhile, err)
	}
	if err == nil {
		a.onClose = append(a.onClose, claim.Close)
	}
	return err
}

// look sees what others have put onto the interface.
func (r *redirect) look(a *Attachment) error {
	qdiscs, err := a.Conn.Qdiscs()
	if err != nil {
		return err
	}
	for _, q := range qdiscs {
		switch {
		case q.Device != r.iface.Index:
		case q.IsHook() && q.Kind != clsact:
			return fmt.Errorf("%w: qdisc %s", errOneHook, q.Kind)
		case q.IsHook():
			r.clsact = true
		case q.IsRoot() && !q.IsDefault():
			r.queue = q.Kind
		}
	}
	if !r.clsact {
		return nil
	}
	filters, err := a.Conn.Filters(r.iface.Index)
	if err != nil {
		return err
	}
	for _, f := range filters {
		if a.Conf.IsHook(f.Name) {
			return errOwnAlready
		}
		if netconf.IsRedirectFilterName(f.Name) {
			return fmt.Errorf("%w by %s", errTakenOver, f.Name)
		}
	}
	return nil
}

func (r *redirect) plan(a *Attachment, want *plan.Desired) error {
	if !a.Conf.Tap.Redirect {
		return nil
	}
	by := plan.Need{Key: "redirect", Kind: redirectFault}
	tap, iface := want.Device(plan.Tap), want.Device(plan.Interface)
	want.Outlet = plan.Interface

	tap.Silent = true
	iface.Name, iface.By, iface.TC.Queued, iface.TC.Shared = a.Conf.IfName, by, r.queue, r.clsact
	if r.iface != nil {
		tap.MTU, tap.MTUOf = r.iface.MTU, r.iface.Name
	}
	// fq would drop frames that bear a time of the way that they came
	if err := tap.TC.SetRoot(plan.Root{NoQueue: true, Default: true}, by); err != nil {
		return err
	}
	ours := func(name string) bool { return name == a.Conf.Alias() }
	if err := tap.TC.AddHooks(between(plan.Interface, a.Conf.Alias(), ours, by)...); err != nil {
		return err
	}
	return iface.TC.AddHooks(between(plan.Tap, a.Conf.HookName(!r.clsact), a.Conf.IsHook, by)...)
}

// between are the hooks of one side, which lead to the other device and let pass what comes
// from there. What leads away from the device is last: it begins to work when all is there.
func between(other plan.Ref, name string, ours func(string) bool, by plan.Need) []plan.Hook {
	return []plan.Hook{
		{At: netdev.Sent, Name: name, Ours: ours, Device: other, Load: load(bpf.OnlyFrom), By: by},
		{At: netdev.Received, Name: name, Ours: ours, Device: other, Load: load(bpf.Redirect), By: by},
	}
}

func load(program func(device int) (*bpf.Program, error)) func(*netdev.Link) (*bpf.Program, error) {
	return func(device *netdev.Link) (*bpf.Program, error) { return program(device.Index) }
}

// makeInterface makes something that can be redirected, where another plugin makes the container's interface.
func makeInterface(a *Attachment) error {
	if !a.Conf.Tap.Redirect {
		return nil
	}
	a.Conf.IfName = "trial"
	plain := *a.Conf
	plain.Tap = netconf.Tap{Name: plain.IfName}
	other := newAttachment(&plain, a.Sandbox, []Feature{newBase()})
	a.onClose = append(a.onClose, other.Close)
	if err := other.open(); err != nil {
		return err
	}
	return other.Make()
}
