package feature

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// hookedDevice is a device that has the qdisc clsact.
type hookedDevice struct {
	qdisc     netdev.Qdisc
	filters   []netdev.Filter // of this plugin
	isOwn     func(name string) bool
	madeQdisc bool // ADD added the qdisc clsact
}

// listHooked lists the devices that have the qdisc clsact. isOwn reports whether a filter belongs to this
// plugin, by its name. After an error it returns what it could list.
func listHooked(conn *netdev.Conn, isOwn func(name string) bool) ([]hookedDevice, error) {
	qdiscs, err := conn.Qdiscs(func(q netdev.Qdisc) bool { return q.HasHooks() && q.Kind == clsact })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil // a kernel without qdiscs (CONFIG_NET_SCHED), and so without hooks
	}
	failed := []error{listError(redirectKind, err)}
	var list []hookedDevice
	for _, q := range qdiscs {
		device := hookedDevice{qdisc: q, isOwn: isOwn}
		device.filters, err = conn.Filters(q.Device, func(f netdev.Filter) bool { return isOwn(f.Name) })
		failed = append(failed, listError(redirectKind, err))
		device.madeQdisc = slices.ContainsFunc(device.filters, func(f netdev.Filter) bool { return netconf.MadeQdisc(f.Name) })
		list = append(list, device)
	}
	return list, errors.Join(failed...)
}

// release restores a device. The filter of sent frames is deleted last, and only if all else succeeded,
// because its name is the record by which the next DEL finds the device. The filter that leads to the tap is
// deleted in any case.
func (h *hookedDevice) release(conn *netdev.Conn) error {
	failed := deleteLimit(conn, h.qdisc.Device)
	if h.madeQdisc && failed == nil {
		foreign, err := conn.HasFilter(h.qdisc.Device, func(f netdev.Filter) bool { return !h.isOwn(f.Name) })
		if err == nil && !foreign {
			return redirectKind.Wrap(conn.DeleteQdisc(h.qdisc)) // this also deletes its filters, in one step
		}
		failed = err
	}
	for _, f := range h.filters { // the filters of received frames come first
		if f.Hook == netdev.EgressHook && failed != nil {
			break
		}
		failed = errors.Join(failed, conn.DeleteFilter(h.qdisc.Device, f))
	}
	return redirectKind.Wrap(failed)
}

// deleteLimit deletes the root qdisc that ADD added together with the filters. It looks it up after the filters
// were listed: a concurrent ADD adds it before them.
func deleteLimit(conn *netdev.Conn, index int) error {
	limits, err := conn.Qdiscs(func(q netdev.Qdisc) bool { return q.Device == index && q.IsLimit() })
	failed := listError(redirectKind, err)
	for _, q := range limits {
		failed = errors.Join(failed, conn.DeleteQdisc(q))
	}
	return failed
}

// releaseInterfaces restores all devices of the namespace that have filters of this plugin.
func releaseInterfaces(conn *netdev.Conn, isOwn func(name string) bool) error {
	devices, err := listHooked(conn, isOwn)
	failed := []error{err}
	for _, h := range devices {
		if len(h.filters) > 0 {
			failed = append(failed, h.release(conn))
		}
	}
	return errors.Join(failed...)
}

// releaseInterface restores one device. The caller knows whether it added the qdisc; the filters whose names
// record that may be missing.
func releaseInterface(conn *netdev.Conn, index int, isOwn func(name string) bool, madeQdisc bool) error {
	devices, err := listHooked(conn, isOwn)
	i := slices.IndexFunc(devices, func(h hookedDevice) bool { return h.qdisc.Device == index })
	if i < 0 { // the kernel may have added the limit although it rejected the qdisc
		return errors.Join(err, deleteLimit(conn, index))
	}
	devices[i].madeQdisc = madeQdisc
	return errors.Join(err, devices[i].release(conn))
}
