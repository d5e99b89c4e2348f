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
// plugin, by its name.
func listHooked(conn *netdev.Conn, isOwn func(name string) bool) ([]hookedDevice, error) {
	qdiscs, err := conn.Qdiscs()
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil // a kernel without qdiscs (CONFIG_NET_SCHED), and so without hooks
	}
	if err != nil {
		return nil, redirectKind.Wrap(err)
	}
	limits := map[int]*netdev.Qdisc{}
	for _, q := range qdiscs {
		if q.IsLimit() {
			limits[q.Device] = &q
		}
	}
	var list []hookedDevice
	for _, q := range qdiscs {
		if !q.HasHooks() || q.Kind != clsact {
			continue
		}
		filters, err := conn.Filters(q.Device)
		if err != nil {
			return nil, redirectKind.Wrap(err)
		}
		device := hookedDevice{qdisc: q, limit: limits[q.Device]}
		for _, f := range filters {
			if !isOwn(f.Name) {
				device.foreign = true
				continue
			}
			device.filters = append(device.filters, f)
			device.madeQdisc = device.madeQdisc || netconf.MadeQdisc(f.Name)
		}
		list = append(list, device)
	}
	return list, nil
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
	if err != nil {
		return err
	}
	i := slices.IndexFunc(devices, func(h hookedDevice) bool { return h.qdisc.Device == index })
	if i < 0 {
		return nil
	}
	devices[i].madeQdisc = madeQdisc
	return devices[i].release(conn)
}
