package netdev

import (
	"errors"
	"fmt"
	"math"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Hook is where filters of the qdisc clsact see the frames of a device
// (include/uapi/linux/pkt_sched.h, TC_H_CLSACT).
type Hook uint32

// The two hooks. Whatever else filters there, tcx programs included, comes before the
// filters that this package adds.
const (
	IngressHook Hook = math.MaxUint32 - 0xd // ffff:fff2
	EgressHook  Hook = math.MaxUint32 - 0xc // ffff:fff3
)

func (h Hook) String() string {
	switch h {
	case IngressHook:
		return "ingress"
	case EgressHook:
		return "egress"
	}
	return fmt.Sprintf("parent %#x", uint32(h))
}

// Filter is a filter at a hook.
type Filter struct {
	Hook    Hook
	Name    string  // of a classifier "bpf"; empty: it has none, or is another kind
	Program int     // of one to be added: descriptor of the BPF program, whose answer is the verdict
	Tag     [8]byte // of one that is there: the kernel's hash of the program

	kind   string
	handle uint32
	info   uint32 // priority and protocol
}

// Attributes of the classifier "bpf", include/uapi/linux/pkt_cls.h.
const (
	bpfFD           = 6
	bpfName         = 7
	bpfFlags        = 8
	bpfTag          = 10
	bpfDirectAction = 1 // TCA_BPF_FLAG_ACT_DIRECT
	lastPriority    = math.MaxUint16
)

// HookRequest is what is to be put onto a device at once.
type HookRequest struct {
	Qdisc   bool // make the qdisc clsact, whose hooks are none so far
	Limit   Limit
	Filters []Filter
}

// limitHandle is that of a limit that [Conn.Hook] makes: "tp" in the upper half.
const limitHandle = 't'<<24 | 'p'<<16

// Hook puts filters onto a device, behind all that are there, and with them what they
// need: all in one message to the kernel, so that death comes before it or after it. After an
// error part of it may be there: it says whether the qdisc may be, which it is not where
// the kernel had one already.
// Source: Linux 6.12, net/netlink/af_netlink.c, netlink_rcv_skb.
func (c *Conn) Hook(index int, h HookRequest) (bool, error) {
	var reqs []*nl.NetlinkRequest
	var names []string
	add := func(req *nl.NetlinkRequest, format string, args ...any) {
		reqs, names = append(reqs, req), append(names, fmt.Sprintf(format, args...))
	}
	if h.Qdisc {
		add(newQdisc(&nl.TcMsg{Ifindex: int32(index), Parent: ingressParent, Handle: ingressHandle}, "clsact", nil), "qdisc clsact")
	}
	if h.Limit != (Limit{}) {
		add(newQdisc(&nl.TcMsg{Ifindex: int32(index), Parent: rootParent, Handle: limitHandle}, "tbf", h.Limit.options()),
			"limit to %d bytes per second: qdisc tbf", h.Limit.Rate)
	}
	for _, filter := range h.Filters {
		add(newFilter(index, filter), "add %s filter bpf", filter.Hook)
	}
	errs := c.executeAll(reqs)
	made := h.Qdisc && !errors.Is(errs[0], unix.EEXIST)
	for i, err := range errs {
		if err != nil {
			return made, fmt.Errorf("device %d: %s: %w", index, names[i], err)
		}
	}
	return made, nil
}

func newFilter(index int, f Filter) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Ifindex: int32(index), Parent: uint32(f.Hook), Info: lastPriority<<16 | protocolAll})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bpf")))
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(bpfFD, nl.Uint32Attr(uint32(f.Program)))
	options.AddRtAttr(bpfName, nl.ZeroTerminated(f.Name))
	options.AddRtAttr(bpfFlags, nl.Uint32Attr(bpfDirectAction))
	req.AddData(options)
	return req
}

// Filters lists those at both hooks of a device that has the qdisc clsact.
func (c *Conn) Filters(index int) ([]Filter, error) {
	var list []Filter
	for _, hook := range []Hook{IngressHook, EgressHook} {
		msgs, err := c.dumpTc(unix.RTM_GETTFILTER, unix.RTM_NEWTFILTER, &nl.TcMsg{Ifindex: int32(index), Parent: uint32(hook)})
		if err != nil {
			return nil, fmt.Errorf("list filters of device %d: %w", index, err)
		}
		for _, msg := range msgs {
			if msg.options == nil {
				continue // a list of filters
			}
			f := Filter{Hook: hook, kind: msg.kind, handle: msg.header.Handle, info: msg.header.Info}
			if msg.kind == "bpf" {
				f.Name = str(attribute(msg.options, bpfName))
				copy(f.Tag[:], attribute(msg.options, bpfTag))
			}
			list = append(list, f)
		}
	}
	return list, nil
}

// DeleteFilter removes one of the filters that [Conn.Filters] listed; one that is gone is no error.
func (c *Conn) DeleteFilter(index int, f Filter) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELTFILTER, unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Ifindex: int32(index), Parent: uint32(f.Hook), Handle: f.handle, Info: f.info})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(f.kind)))
	if err := ignoreMissing(c.execute(req, 0)); err != nil {
		return fmt.Errorf("delete %s filter of device %d: %w", f.Hook, index, err)
	}
	return nil
}

// Qdisc is a queueing discipline of a device.
type Qdisc struct {
	Device int // index
	Kind   string

	parent, handle uint32
}

// HasHooks says whether it has one or both of the hooks.
func (q Qdisc) HasHooks() bool { return q.parent == ingressParent }

// IsDefault says whether it is the kernel's own choice.
func (q Qdisc) IsDefault() bool { return q.handle == 0 }

// IsRoot says whether it queues what the device sends.
func (q Qdisc) IsRoot() bool { return q.parent == rootParent }

// IsLimit says whether [Conn.Hook] made it.
func (q Qdisc) IsLimit() bool { return q.IsRoot() && q.Kind == "tbf" && q.handle == limitHandle }

// Qdiscs lists those of every device of the namespace; of the default ones only some.
func (c *Conn) Qdiscs() ([]Qdisc, error) {
	msgs, err := c.dumpTc(unix.RTM_GETQDISC, unix.RTM_NEWQDISC, &nl.TcMsg{})
	if err != nil {
		return nil, fmt.Errorf("list qdiscs: %w", err)
	}
	list := make([]Qdisc, 0, len(msgs))
	for _, msg := range msgs {
		list = append(list, Qdisc{Device: int(msg.header.Ifindex), Kind: msg.kind, parent: msg.header.Parent, handle: msg.header.Handle})
	}
	return list, nil
}

// DeleteQdisc removes a qdisc with its filters; one that is gone is no error.
func (c *Conn) DeleteQdisc(q Qdisc) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELQDISC, unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Ifindex: int32(q.Device), Parent: q.parent, Handle: q.handle})
	if err := ignoreMissing(c.execute(req, 0)); err != nil {
		return fmt.Errorf("delete qdisc %s of device %d: %w", q.Kind, q.Device, err)
	}
	return nil
}
