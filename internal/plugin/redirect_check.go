package plugin

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"tap/internal/bpf"
	"tap/internal/netconf"
	"tap/internal/netdev"
)

// wiring is what CHECK reads of redirect mode.
type wiring struct {
	target   *netdev.Link // the interface that is taken over; nil: not there
	toTap    []end        // of the interface's filters
	toTarget []end        // of the tap's
	queue    string       // kind of the tap's root qdisc
	limit    *netdev.Bucket
}

// end is a filter that ADD made, with the program that it had and the one that is there.
type end struct {
	hook     netdev.Hook
	expected bpf.Tag
	found    *netdev.Filter // nil: none bears the name
}

func observeWiring(conn *netdev.Conn, conf *netconf.Config, tap *netdev.Link) (wiring, error) {
	var seen wiring
	if !conf.Tap.Redirect {
		return seen, nil
	}
	var err error
	seen.target, err = conn.LinkByName(conf.IfName)
	if errors.Is(err, netdev.ErrNotFound) {
		return seen, nil
	}
	if err != nil {
		return seen, err
	}
	if seen.toTap, err = observeEnds(conn, seen.target.Index, tap.Index, conf.IsHook); err != nil {
		return seen, err
	}
	if seen.toTarget, err = observeEnds(conn, tap.Index, seen.target.Index, func(name string) bool { return name == conf.Alias() }); err != nil {
		return seen, err
	}
	qdiscs, err := conn.Qdiscs()
	if err != nil {
		return seen, err
	}
	for _, q := range qdiscs {
		if q.Device == tap.Index && q.IsRoot() {
			seen.queue = q.Kind
		}
	}
	seen.limit, err = conn.SendingLimit(seen.target.Index)
	return seen, err
}

// observeEnds loads the programs again: the kernel's hash tells whether those of the filters are the same.
func observeEnds(conn *netdev.Conn, device, to int, ours func(name string) bool) ([]end, error) {
	expected, err := newWire(to)
	if err != nil {
		return nil, err
	}
	defer expected.close()
	filters, err := conn.Filters(device)
	if err != nil {
		return nil, err
	}
	var ends []end
	for _, e := range []struct {
		hook    netdev.Hook
		program *bpf.Program
	}{{netdev.Received, expected.redirect}, {netdev.Sent, expected.onlyFrom}} {
		tag, err := e.program.Tag()
		if err != nil {
			return nil, err
		}
		seen := end{hook: e.hook, expected: tag}
		for _, f := range filters {
			if f.Hook == e.hook && ours(f.Name) {
				seen.found = &f
			}
		}
		ends = append(ends, seen)
	}
	return ends, nil
}

func compareWiring(conf *netconf.Config, seen observation) []string {
	if !conf.Tap.Redirect {
		return nil
	}
	d := &differences{}
	target := seen.wiring.target
	if target == nil {
		d.want("interface that the guest takes over", fmt.Sprintf("%q", conf.IfName), "no such device")
		return d.list
	}
	d.want(fmt.Sprintf("MTU, which is that of %q", target.Name), target.MTU, seen.link.MTU)
	for _, entry := range conf.PrevResult.Interfaces {
		if entry.Sandbox != conf.ContainerID || entry.Name != conf.Tap.Name {
			continue
		}
		if mac, err := net.ParseMAC(entry.Mac); err != nil || !bytes.Equal(mac, target.MAC) {
			d.want(fmt.Sprintf("MAC of %q, which the guest bears", target.Name), entry.Mac, target.MAC)
		}
		if entry.Mtu != 0 {
			d.want(fmt.Sprintf("MTU of %q, which the guest has", target.Name), entry.Mtu, target.MTU)
		}
	}
	d.wantEnds(target.Name, seen.wiring.toTap)
	d.wantEnds(conf.Tap.Name, seen.wiring.toTarget)
	if conf.Tap.Bandwidth.Ingress == (netconf.Limit{}) {
		d.want("root qdisc", "noqueue", seen.wiring.queue)
	}
	if egress := conf.Tap.Bandwidth.Egress; egress != (netconf.Limit{}) {
		d.wantLimit("bandwidth, egress", inBytes(egress), seen.wiring.limit)
	}
	return d.list
}

func (d *differences) wantEnds(device string, ends []end) {
	for _, e := range ends {
		what := fmt.Sprintf("filter of frames %s by %q", e.hook, device)
		if e.found == nil {
			d.want(what, "one of this attachment", "none")
			continue
		}
		d.want(what+", BPF program", e.expected, bpf.Tag(e.found.Tag))
	}
}
