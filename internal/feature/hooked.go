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
	limit     *netdev.Qdisc   // root qdisc that was added with the filters; nil if there is none
	filters   []netdev.Filter // of this plugin
	foreign   bool            // it has filters of other processes
	madeQdisc bool            // ADD added the qdisc clsact
}

// listHooked lists the devices that have the qdisc clsact. isOwn reports whether a filter belongs to this
// plugin, by its name. Of the filters of other processes, which may be many and large, it keeps only that they
// exist. After an error it returns what it could list.
func listHooked(conn *netdev.Conn, isOwn func(name string) bool) ([]hookedDevice, error) {
	qdiscs, err := conn.Qdiscs(func(q netdev.Qdisc) bool { return q.IsLimit() || q.HasHooks() && q.Kind == clsact })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil // a kernel without qdiscs (CONFIG_NET_SCHED), and so without hooks
	}
	failed := []error{redirectKind.Wrap(err)}
	limits := map[int]*netdev.Qdisc{}
	for _, q := range qdiscs {
		if q.IsLimit() {
			limits[q.Device] = &q
		}
	}
	var list []hookedDevice
	for _, q := range qdiscs {
		if q.IsLimit() {
			continue
		}
		device := hookedDevice{qdisc: q, limit: limits[q.Device], foreign: err != nil}
		var filterErr error
		device.filters, filterErr = conn.Filters(q.Device, func(f netdev.Filter) bool {
			own := isOwn(f.Name)
			device.foreign = device.foreign || !own
			return own
		})
		failed = append(failed, redirectKind.Wrap(filterErr))
		device.foreign = device.foreign || filterErr != nil // it may have more than were listed
		device.madeQdisc = slices.ContainsFunc(device.filters, func(f netdev.Filter) bool { return netconf.MadeQdisc(f.Name) })
		list = append(list, device)
	}
	return list, errors.Join(failed...)
}

// release restores a device. The filter of sent frames is deleted last, and only if all else succeeded,
// because its name is the record by which the next DEL finds the device. The filter that leads to the tap is
// deleted in any case.
func (h *hookedDevice) release(conn *netdev.Conn) error {
	var failed error
	if h.limit != nil {
		failed = conn.DeleteQdisc(*h.limit)
	}
	if h.madeQdisc && !h.foreign && failed == nil {
		return redirectKind.Wrap(conn.DeleteQdisc(h.qdisc)) // this also deletes its filters, in one step
	}
	for _, f := range h.filters { // the filters of received frames come first
		if f.Hook == netdev.EgressHook && failed != nil {
			break
		}
		failed = errors.Join(failed, conn.DeleteFilter(h.qdisc.Device, f))
	}
	return redirectKind.Wrap(failed)
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
	if i < 0 {
		return err
	}
	devices[i].madeQdisc = madeQdisc
	return errors.Join(err, devices[i].release(conn))
}
