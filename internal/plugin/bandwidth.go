package plugin

import (
	"errors"
	"fmt"
	"slices"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// limit bounds what passes the tap. What goes to the guest leaves through the tap,
// whose qdisc is part of it. What comes from the guest is received, which no qdisc
// can delay: it takes the way through a device of its own, the egress device.
func (t *tap) limit() error {
	bandwidth := t.conf.Tap.Bandwidth
	if bandwidth.Ingress != (netconf.Limit{}) {
		if err := t.limitIngress(); err != nil {
			return err
		}
	}
	if bandwidth.Egress != (netconf.Limit{}) {
		if err := t.limitEgress(inBytes(bandwidth.Egress)); err != nil {
			return about(errLimit, fmt.Errorf("limit egress of tap %q: %w", t.conf.Tap.Name, err))
		}
	}
	return nil
}

func (t *tap) limitIngress() error {
	if err := t.conn.LimitSending(t.link.Index, inBytes(t.conf.Tap.Bandwidth.Ingress)); err != nil {
		return about(errLimit, fmt.Errorf("limit ingress of tap %q: %w", t.conf.Tap.Name, err))
	}
	return nil
}

func (t *tap) limitEgress(limit netdev.Limit) error {
	name := netconf.EgressName(t.conf.Alias())
	t.egress = &netdev.Link{Name: name} // from here on deleteEgress takes it back: it may be made although its making failed
	if err := t.addEgress(name); err != nil {
		return err
	}
	device, err := t.conn.LinkByName(name)
	if err != nil {
		return err
	}
	t.egress = device
	if err := t.conn.SetAlias(device.Index, netconf.EgressAlias(t.conf.Alias())); err != nil {
		return err
	}
	if err := t.conn.LimitSending(device.Index, limit); err != nil {
		return err
	}
	if err := t.conn.UpWithoutAddress(device.Index); err != nil {
		return err
	}
	return t.conn.RedirectReceived(t.link.Index, device.Index)
}

// addEgress makes the egress device. One that is there already was left by an ADD
// of this attachment that was killed: its tap, whose name is the lock, is gone.
func (t *tap) addEgress(name string) error {
	err := t.conn.Add(name, egressKind)
	if !errors.Is(err, netdev.ErrExists) {
		return err
	}
	free, clearErr := t.clearEgress(name)
	if clearErr != nil || !free {
		return errors.Join(err, clearErr)
	}
	return t.conn.Add(name, egressKind)
}

// deleteEgress undoes addEgress.
func (t *tap) deleteEgress() error {
	if t.egress == nil {
		return nil
	}
	var err error
	if t.egress.Index != 0 {
		err = t.conn.Delete(t.egress.Index)
	} else { // not seen, and perhaps not made
		_, err = t.clearEgress(t.egress.Name)
	}
	if err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return nil
}

// clearEgress deletes the egress device of this attachment, and says whether its name
// is free now. A stranger's of that name stays, and so does that of the attachment
// itself, where it lives on renamed.
func (t *tap) clearEgress(name string) (bool, error) {
	links, err := t.conn.Links()
	if err != nil {
		return false, err
	}
	if t.livesOn(links) {
		return false, nil
	}
	left := slices.IndexFunc(links, func(l *netdev.Link) bool { return l.Name == name })
	switch {
	case left < 0: // gone by another hand: that of GC, or of the DEL of a runtime that came back
		return true, nil
	case !isEgress(t.conf, links[left]):
		return false, nil
	}
	return true, t.conn.Delete(links[left].Index)
}

const egressKind = "ifb"

// isEgress says whether it is the egress device of this attachment, whatever its
// configuration says by now.
func isEgress(conf *netconf.Config, link *netdev.Link) bool {
	return link.Kind == egressKind && link.Name == netconf.EgressName(conf.Alias())
}

// inBytes is a limit as tc counts.
func inBytes(l netconf.Limit) netdev.Limit {
	return netdev.Limit{Rate: l.Rate / 8, Burst: uint32(l.Burst / 8)}
}

// shaping is what CHECK reads of the limits.
type shaping struct {
	ingress, egress *netdev.Bucket // nil: none
	device          *netdev.Link   // the egress device; nil: not there
	redirect        int            // index of the device to which the tap's frames go
}

func observeShaping(conn *netdev.Conn, conf *netconf.Config, link *netdev.Link, links []*netdev.Link) (shaping, error) {
	var seen shaping
	if conf.Tap.Bandwidth == (netconf.Bandwidth{}) {
		return seen, nil
	}
	var err error
	if seen.ingress, err = conn.SendingLimit(link.Index); err != nil {
		return seen, err
	}
	if seen.redirect, err = conn.RedirectOf(link.Index); err != nil {
		return seen, err
	}
	for _, device := range links {
		if isEgress(conf, device) {
			seen.device = device
			seen.egress, err = conn.SendingLimit(device.Index)
		}
	}
	return seen, err
}

func compareShaping(conf *netconf.Config, seen shaping) []string {
	d := &differences{}
	if ingress := conf.Tap.Bandwidth.Ingress; ingress != (netconf.Limit{}) {
		d.wantLimit("bandwidth, ingress", inBytes(ingress), seen.ingress)
	}
	if egress := conf.Tap.Bandwidth.Egress; egress != (netconf.Limit{}) && !conf.Tap.Redirect { // where it is the interface's
		if seen.device == nil {
			d.want("bandwidth, egress device", netconf.EgressName(conf.Alias()), "no ifb of that name")
			return d.list
		}
		d.want("bandwidth, egress device up", true, seen.device.Up)
		d.want("bandwidth, index of the egress device that gets the guest's frames", seen.device.Index, seen.redirect)
		d.wantLimit("bandwidth, egress", inBytes(egress), seen.egress)
	}
	return d.list
}

func (d *differences) wantLimit(what string, expected netdev.Limit, found *netdev.Bucket) {
	if found == nil || !found.Is(expected) {
		d.list = append(d.list, fmt.Sprintf("%s: expected %s, found %s", what, expected, found))
	}
}
