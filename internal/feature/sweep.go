package feature

import (
	"errors"
	"slices"
	"time"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// Match selects what a sweep removes. It decides by aliases and names, because the configuration may have
// changed since ADD.
type Match struct {
	Tap    func(*netdev.Link) bool
	Egress func(name, alias string) bool // the alias is empty if ADD was killed before it set it
	Filter func(name string) bool
}

// MatchAttachment selects one attachment, for DEL. A tap of the reference plugin has no alias: it belongs to
// the attachment if prevResult, which the runtime has stored, lists it in this namespace.
func MatchAttachment(conf *netconf.Config) Match {
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

// MatchStale selects the attachments that the runtime does not list as valid, for GC. A tap that is not
// persistent belongs to an ADD in progress, which creates its egress device after the tap.
func MatchStale(valid *netconf.ValidAttachments) Match {
	return Match{
		Tap:    func(link *netdev.Link) bool { return link.Tun.Persistent && valid.Stale(link.Alias) },
		Egress: valid.IsEgress,
		Filter: valid.StaleHook,
	}
}

// Sweep removes what ADD created and match selects, and calls removed, if not nil, for each device. It is the
// common algorithm of DEL and GC:
//
//  1. Release the interfaces: a filter that leads to a deleted tap would leave a dead interface.
//  2. List the devices.
//  3. Delete the taps that match, then their egress devices.
//  4. Release the interfaces again if one of the taps was in redirect mode.
//
// A sweep that runs concurrently with an ADD removes all of the attachment or nothing: if ADD hooks the
// interface before step 1, step 2 lists the tap; if it does so between step 1 and step 3, step 4 finds the
// filters; later, ADD finds its tap deleted and fails. An error does not stop the sweep. Step 1 may take a third
// of limit, steps 2 and 3 together another third, and step 4 the last: a hostile pod that delays one does not
// prevent the others.
func Sweep(conn *netdev.Conn, limit time.Duration, match Match, removed func(*netdev.Link)) error {
	beginStep := func() { conn.StopWhen(TimeLimit(limit / 3)) }
	beginStep()
	failed := []error{releaseInterfaces(conn, match.Filter)}
	beginStep()
	links, err := staleLinks(conn, match)
	failed = append(failed, listError(deviceKind, err))
	again := false
	for _, link := range links {
		again = again || netconf.IsRedirect(link.Alias) // also after an error: the kernel may have deleted the tap
		if err := conn.Delete(link.Index); err != nil {
			failed = append(failed, deviceKind.Wrap(err))
			if errors.Is(err, errTimeLimit) {
				break // for all others it would be the same error
			}
			continue
		}
		if removed != nil {
			removed(link)
		}
	}
	if again {
		beginStep()
		failed = append(failed, releaseInterfaces(conn, match.Filter))
	}
	return errors.Join(failed...)
}

// staleLinks lists the taps that match, followed by the egress devices whose tap is missing or is deleted now.
// It lists the egress devices first: ADD creates the tap before its egress device, so the tap of each egress
// device is in the later list. After an error it returns what it could list.
func staleLinks(conn *netdev.Conn, match Match) ([]*netdev.Link, error) {
	egress, egressErr := conn.Links(egressKind, func(*netdev.Link) bool { return true })
	taps, tapErr := conn.Links(tapKind, (*netdev.Link).IsTap)
	if errors.Is(egressErr, netdev.ErrIncomplete) {
		var more []*netdev.Link
		more, egressErr = egressOf(conn, taps, egress, match)
		egress = append(egress, more...)
	}
	return selectStale(taps, egress, match, tapErr == nil), errors.Join(egressErr, tapErr)
}

// egressOf looks up the egress devices of the taps that match by their names, if they are not in the incomplete
// list known. Another one that is not in the list remains for the next GC.
func egressOf(conn *netdev.Conn, taps, known []*netdev.Link, match Match) ([]*netdev.Link, error) {
	var list []*netdev.Link
	for _, tap := range taps {
		name := netconf.EgressName(tap.Alias)
		if !match.Tap(tap) || slices.ContainsFunc(known, func(l *netdev.Link) bool { return l.Name == name }) {
			continue
		}
		device, err := conn.LinkByName(name)
		switch {
		case errors.Is(err, netdev.ErrNotFound):
		case err != nil:
			return list, err
		case device.Kind == egressKind:
			list = append(list, device)
		}
	}
	return list, nil
}

// selectStale is pure. An egress device of a tap that is deleted is recognized by its name, whatever became of
// its alias. If the list of taps is not complete, a missing tap does not make an egress device stale.
func selectStale(taps, egress []*netdev.Link, match Match, complete bool) []*netdev.Link {
	var list []*netdev.Link
	inUse, stale := map[string]bool{}, map[string]bool{} // by the name of the egress device
	for _, tap := range taps {
		name := netconf.EgressName(tap.Alias)
		if match.Tap(tap) {
			list, stale[name] = append(list, tap), true
		} else {
			inUse[name] = true
		}
	}
	for _, link := range egress {
		matches := complete && match.Egress(link.Name, link.Alias) || stale[link.Name]
		if matches && !inUse[link.Name] {
			list = append(list, link)
		}
	}
	return list
}
