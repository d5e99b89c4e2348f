package feature

import (
	"errors"
	"slices"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// Match says what a sweep removes, by aliases and names alone: keys of a configuration may
// have changed since ADD. A device that is new may have no alias.
type Match struct {
	Tap    func(*netdev.Link) bool
	Egress func(name, alias string) bool
	Filter func(name string) bool
}

// Swept is told of each device that was removed; nil: nobody wants to know.
type Swept func(*netdev.Link)

// Sweep removes what ADD made: the one algorithm of DEL and GC. Interfaces come first,
// since a filter leads to a tap, and dead is an interface whose tap has gone before it. So a
// sweep beside an ADD that is under way takes all of it away, or nothing: where an interface
// was redirected, the tap is there to be listed; where that happens in between, the second
// look finds it; and later ADD finds its tap gone. No failure keeps it from the rest.
func Sweep(conn *netdev.Conn, match Match, swept Swept) error {
	failed := []error{releaseInterfaces(conn, match.Filter)}
	links, err := conn.Links()
	failed = append(failed, deviceFault.Of(err))
	again := false
	for _, link := range garbage(links, match) {
		if err := conn.Delete(link.Index); err != nil {
			failed = append(failed, deviceFault.Of(err))
			continue
		}
		again = again || netconf.IsRedirect(link.Alias)
		if swept != nil {
			swept(link)
		}
	}
	if again {
		failed = append(failed, releaseInterfaces(conn, match.Filter))
	}
	return errors.Join(failed...)
}

// garbage is the taps that match, and then the egress devices whose tap is not there, or
// goes now.
func garbage(links []*netdev.Link, match Match) []*netdev.Link {
	var list []*netdev.Link
	inUse, goes := map[string]bool{}, map[string]bool{}
	for _, link := range links {
		switch name := netconf.EgressName(link.Alias); {
		case !link.IsTap():
		case match.Tap(link):
			list, goes[name] = append(list, link), true
		default:
			inUse[name] = true
		}
	}
	for _, link := range links {
		ours := match.Egress(link.Name, link.Alias) || link.Alias == "" && goes[link.Name]
		if link.Kind == egressKind && ours && !inUse[link.Name] {
			list = append(list, link)
		}
	}
	return list
}

// hooked is a device with hooks, and what ADD put there.
type hooked struct {
	qdisc   netdev.Qdisc
	limit   *netdev.Qdisc // made with the filters; nil: none
	filters []netdev.Filter
	others  bool // there are filters of somebody else
	made    bool // the qdisc was made for the filters
}

// findHooked lists the devices with hooks, and which of their filters are ours, by name.
func findHooked(conn *netdev.Conn, ours func(name string) bool) ([]hooked, error) {
	qdiscs, err := conn.Qdiscs()
	if err != nil {
		return nil, redirectFault.Of(err)
	}
	limits := map[int]*netdev.Qdisc{}
	for _, q := range qdiscs {
		if q.IsLimit() {
			limits[q.Device] = &q
		}
	}
	var list []hooked
	for _, q := range qdiscs {
		if !q.IsHook() || q.Kind != clsact {
			continue
		}
		filters, err := conn.Filters(q.Device)
		if err != nil {
			return nil, redirectFault.Of(err)
		}
		device := hooked{qdisc: q, limit: limits[q.Device]}
		for _, f := range filters {
			if !ours(f.Name) {
				device.others = true
				continue
			}
			device.filters = append(device.filters, f)
			device.made = device.made || netconf.MadeQdisc(f.Name)
		}
		list = append(list, device)
	}
	return list, nil
}

// release gives an interface back as it was. What fails is left for the next DEL to find,
// by the filters' name: the one of frames that are sent goes last, the one that leads to
// the tap goes in any case.
func (h *hooked) release(conn *netdev.Conn) error {
	var failed error
	if h.limit != nil {
		failed = conn.DeleteQdisc(*h.limit)
	}
	if h.made && !h.others && failed == nil {
		return redirectFault.Of(conn.DeleteQdisc(h.qdisc)) // its filters go with it, in one step
	}
	for _, f := range h.filters { // those of what is received come first
		if f.Hook == netdev.Sent && failed != nil {
			break
		}
		failed = errors.Join(failed, conn.Unhook(h.qdisc.Device, f))
	}
	return redirectFault.Of(failed)
}

// releaseInterfaces gives back every interface of a namespace with filters of ours.
func releaseInterfaces(conn *netdev.Conn, ours func(name string) bool) error {
	interfaces, err := findHooked(conn, ours)
	failed := []error{err}
	for _, h := range interfaces {
		if len(h.filters) > 0 {
			failed = append(failed, h.release(conn))
		}
	}
	return errors.Join(failed...)
}

// releaseInterface gives back one interface, of which the caller knows whether it made the
// qdisc: the filters that should say so may not have come.
func releaseInterface(conn *netdev.Conn, index int, ours func(name string) bool, made *bool) error {
	interfaces, err := findHooked(conn, ours)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(interfaces, func(h hooked) bool { return h.qdisc.Device == index })
	if at < 0 {
		return nil
	}
	interfaces[at].made = *made
	return interfaces[at].release(conn)
}

// SweepAttachment is the match of one attachment, for DEL. A tap that the reference plugin
// made has no alias: it is ours if the runtime's cache lists it in this namespace.
func SweepAttachment(conf *netconf.Config) Match {
	return Match{
		Tap: func(link *netdev.Link) bool {
			if link.Alias != "" {
				return conf.Owns(link.Alias)
			}
			return link.Name == conf.Tap.Name && conf.PrevResultIndex(link.Name) >= 0
		},
		Egress: conf.OwnsEgress,
		Filter: func(name string) bool { return netconf.IsHookName(name) && conf.Owns(name) },
	}
}

// SweepStale is the match of the attachments that the runtime does not know, for GC. A tap
// that is not persistent is an ADD in flight, which makes its egress device after itself.
func SweepStale(valid *netconf.ValidAttachments) Match {
	return Match{
		Tap:    func(link *netdev.Link) bool { return link.Tun.Persistent && valid.Stale(link.Alias) },
		Egress: valid.IsEgress,
		Filter: valid.StaleHook,
	}
}
