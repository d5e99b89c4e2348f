package netdev

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Hook is one of the two hooks of qdisc clsact, where filters process the frames of a device. Its
// value is the parent handle of the filters (include/uapi/linux/pkt_sched.h, TC_H_CLSACT).
type Hook uint32

// The hooks of clsact. Filters that this package adds run after all other filters and after
// tcx programs.
const (
	IngressHook Hook = math.MaxUint32 - 0xd // ffff:fff2
	EgressHook  Hook = math.MaxUint32 - 0xc // ffff:fff3
)

// String returns the name that tc(8) uses.
func (h Hook) String() string {
	switch h {
	case IngressHook:
		return "ingress"
	case EgressHook:
		return "egress"
	}
	return fmt.Sprintf("parent %#x", uint32(h))
}

// Filter is a tc filter at a hook.
type Filter struct {
	Hook    Hook
	Name    string  // of a bpf filter; empty if it has no name or is of another kind
	Program int     // descriptor of the BPF program, in direct-action mode; set it to add a filter
	Tag     [8]byte // the kernel's hash of the BPF program; set by [Conn.Filters]

	kind   string
	handle uint32
	info   uint32 // priority and protocol
}

// Attributes of the classifier bpf, include/uapi/linux/pkt_cls.h.
const (
	bpfFD           = 6
	bpfName         = 7
	bpfFlags        = 8
	bpfTag          = 10
	bpfDirectAction = 1 // TCA_BPF_FLAG_ACT_DIRECT
	lastPriority    = math.MaxUint16
)

// HookRequest lists what [Conn.Hook] adds to a device.
type HookRequest struct {
	Qdisc   bool     // create qdisc clsact; the device has none
	Limit   Limit    // create the root qdisc tbf; zero: no limit
	Filters []Filter // added in this order
}

// limitHandle is the handle of root qdiscs that [Conn.Hook] creates: "tp" in the major number.
const limitHandle = 't'<<24 | 'p'<<16

// Hook adds filters to a device, after all existing filters, together with the qdiscs that h
// requests. It sends all requests in one datagram, so a signal cannot kill the process in
// between. After an error, part of h may have been applied. Hook reports whether it may have
// created qdisc clsact; it has not if the kernel reported EEXIST.
// Source: Linux 6.12, net/netlink/af_netlink.c, netlink_rcv_skb.
func (c *Conn) Hook(index int, h HookRequest) (bool, error) {
	var reqs []*nl.NetlinkRequest
	var names []string
	add := func(req *nl.NetlinkRequest, format string, args ...any) {
		reqs, names = append(reqs, req), append(names, fmt.Sprintf(format, args...))
	}
	if h.Qdisc {
		add(newQdisc(&nl.TcMsg{Ifindex: int32(index), Parent: ingressParent, Handle: ingressHandle}, "clsact", nil), "add qdisc clsact")
	}
	if h.Limit != (Limit{}) {
		add(newQdisc(&nl.TcMsg{Ifindex: int32(index), Parent: rootParent, Handle: limitHandle}, "tbf", h.Limit.options()),
			"limit rate to %d bytes per second: add qdisc tbf", h.Limit.Rate)
	}
	for _, filter := range h.Filters {
		add(newFilter(index, filter), "add %s filter bpf", filter.Hook)
	}
	errs := c.changeAll(reqs)
	created := h.Qdisc && !errors.Is(errs[0], unix.EEXIST)
	for i, err := range errs {
		if errors.Is(err, errNoReply) && c.isHooked(index, h) {
			return created, nil
		}
		if err != nil {
			return created, fmt.Errorf("device %d: %s: %w", index, names[i], err)
		}
	}
	return created, nil
}

// isHooked reports whether a device has what h adds. It recognizes the filters by their names, and the
// qdisc clsact by its filters. An error counts as no.
func (c *Conn) isHooked(index int, h HookRequest) bool {
	limits, err := c.Qdiscs(func(q Qdisc) bool { return q.Device == index && q.IsLimit() })
	if err != nil || h.Limit != (Limit{}) && len(limits) == 0 {
		return false
	}
	filters, err := c.Filters(index, func(f Filter) bool { return f.Name != "" })
	return err == nil && !slices.ContainsFunc(h.Filters, func(want Filter) bool {
		return !slices.ContainsFunc(filters, func(f Filter) bool { return f.Hook == want.Hook && f.Name == want.Name })
	})
}

// newFilter returns the request that adds f. Priority 65535 places it after all other filters.
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

// Filters returns the filters for which keep returns true, at both hooks of a device that has qdisc
// clsact, among those of the priority that [Conn.Hook] uses: the kernel does not list the others,
// which may be many and large. keep may be called more than once for a filter. After an error Filters
// returns a part of the list.
func (c *Conn) Filters(index int, keep func(Filter) bool) ([]Filter, error) {
	var list []Filter
	for _, hook := range []Hook{IngressHook, EgressHook} {
		first := len(list)
		header := &nl.TcMsg{Ifindex: int32(index), Parent: uint32(hook), Info: lastPriority<<16 | protocolAll}
		err := c.readFilters(header, func() { list = list[:first] }, func(f Filter) bool {
			if keep(f) {
				list = append(list, f)
			}
			return true
		})
		if err != nil {
			return list, fmt.Errorf("list filters of device %d: %w", index, err)
		}
	}
	return list, nil
}

// HasFilter reports whether match returns true for a filter of any priority at one of the hooks.
func (c *Conn) HasFilter(index int, match func(Filter) bool) (bool, error) {
	found := false
	for _, hook := range []Hook{IngressHook, EgressHook} {
		header := &nl.TcMsg{Ifindex: int32(index), Parent: uint32(hook)}
		err := c.readFilters(header, func() { found = false }, func(f Filter) bool {
			found = match(f)
			return !found
		})
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// readFilters calls visit for each filter that header selects, until visit returns false.
func (c *Conn) readFilters(header *nl.TcMsg, begin func(), visit func(Filter) bool) error {
	return c.readTc(unix.RTM_GETTFILTER, unix.RTM_NEWTFILTER, header, begin, func(msg tcMessage) bool {
		if msg.options == nil {
			return true // a classifier instance (tcf_proto), which contains filters
		}
		return visit(parseFilter(Hook(header.Parent), msg))
	})
}

func parseFilter(hook Hook, msg tcMessage) Filter {
	f := Filter{Hook: hook, kind: msg.kind, handle: msg.header.Handle, info: msg.header.Info}
	if msg.kind == "bpf" {
		f.Name = str(attribute(msg.options, bpfName))
		copy(f.Tag[:], attribute(msg.options, bpfTag))
	}
	return f
}

// DeleteFilter deletes a filter that [Conn.Filters] returned. It returns nil if the filter does
// not exist.
func (c *Conn) DeleteFilter(index int, f Filter) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELTFILTER, unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Ifindex: int32(index), Parent: uint32(f.Hook), Handle: f.handle, Info: f.info})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(f.kind)))
	if err := ignoreMissing(c.change(req)); err != nil {
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

// HasHooks reports whether q is clsact, which has both hooks, or ingress, which has one.
func (q Qdisc) HasHooks() bool { return q.parent == ingressParent }

// IsDefault reports whether the kernel chose q by default; a default qdisc has no handle.
func (q Qdisc) IsDefault() bool { return q.handle == 0 }

// IsRoot reports whether q is the root qdisc, which queues the egress traffic of the device.
func (q Qdisc) IsRoot() bool { return q.parent == rootParent }

// IsLimit reports whether [Conn.Hook] created q.
func (q Qdisc) IsLimit() bool { return q.IsRoot() && q.Kind == "tbf" && q.handle == limitHandle }

// Qdiscs returns the qdiscs of all devices in the namespace for which keep returns true. The kernel
// omits some default qdiscs. After an error Qdiscs returns a part of the list.
func (c *Conn) Qdiscs(keep func(Qdisc) bool) ([]Qdisc, error) {
	var list []Qdisc
	err := c.readTc(unix.RTM_GETQDISC, unix.RTM_NEWQDISC, &nl.TcMsg{}, func() { list = nil }, func(msg tcMessage) bool {
		q := Qdisc{Device: int(msg.header.Ifindex), Kind: msg.kind, parent: msg.header.Parent, handle: msg.header.Handle}
		if keep(q) {
			list = append(list, q)
		}
		return true
	})
	if err != nil {
		return list, fmt.Errorf("list qdiscs: %w", err)
	}
	return list, nil
}

// DeleteQdisc deletes a qdisc and its filters. It returns nil if the qdisc does not exist.
func (c *Conn) DeleteQdisc(q Qdisc) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELQDISC, unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Ifindex: int32(q.Device), Parent: q.parent, Handle: q.handle})
	if err := ignoreMissing(c.change(req)); err != nil {
		return fmt.Errorf("delete qdisc %s of device %d: %w", q.Kind, q.Device, err)
	}
	return nil
}
