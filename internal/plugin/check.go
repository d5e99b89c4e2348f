package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// Check compares the attachment with what ADD made and prevResult, the chain's
// final result, says of it (CNI specification 1.1, section 2, "CHECK"). It only
// reads, by netlink: attaching to the tap would change its SELinux label.
func Check(args *netconf.Args) error {
	conf, err := netconf.Parse(args)
	if err != nil {
		return cniError(err)
	}
	if conf.PrevResult == nil {
		return cniError(&netconf.KeyError{
			Key: "prevResult", Value: "none", Allowed: "the result of ADD, which the runtime passes",
			Err: errors.New("CHECK has nothing to compare with"),
		})
	}
	delegate, err := findIPAM(conf, args.Path)
	if err != nil {
		return cniError(err)
	}
	if delegate != nil {
		err = delegate.Check(context.Background(), ipamCall(conf, args.StdinData))
	}
	return cniError(errors.Join(checkDevice(conf), err))
}

func checkDevice(conf *netconf.Config) error {
	sandbox, err := openSandbox(conf)
	if err != nil {
		return err
	}
	defer sandbox.Close()

	var seen observation
	if err := sandbox.Do(func() error { seen, err = observe(conf); return err }); err != nil {
		return about(errDevice, err)
	}
	differences := compare(conf, seen)
	if len(differences) > 0 {
		return fmt.Errorf("tap %q is %w: %s", conf.Tap.Name, errDifferences, strings.Join(differences, "; "))
	}
	return nil
}

// observation is what CHECK reads from the kernel.
type observation struct {
	link      *netdev.Link // nil: no device bears the alias
	namesake  *netdev.Link // a device of the expected name that is not ours
	bridge    *netdev.Link // nil: none asked for, or not there
	master    string       // name of the bridge whose port it is; empty: none
	addresses []net.IPNet
	routes    []netdev.RouteEntry
	shaping   shaping
	wiring    wiring
	vlans     []netdev.VLANRange // of the port; read where VLANs are asked for
}

// observe runs on a thread in the container's namespace.
func observe(conf *netconf.Config) (observation, error) {
	var seen observation
	conn, err := netdev.Dial()
	if err != nil {
		return seen, err
	}
	defer conn.Close()
	links, err := conn.Links()
	if err != nil {
		return seen, err
	}
	for _, link := range links {
		switch {
		case link.Alias == conf.Alias() && (seen.link == nil || link.Name == conf.Tap.Name):
			seen.link = link
		case link.Name == conf.Tap.Name:
			seen.namesake = link
		}
	}
	if conf.Tap.Bridge != "" { // by the kernel, which also knows alternative names
		seen.bridge, err = conn.LinkByName(conf.Tap.Bridge)
		if err != nil && !errors.Is(err, netdev.ErrNotFound) {
			return seen, err
		}
	}
	if seen.link == nil {
		return seen, nil
	}
	for _, link := range links {
		if link.Index == seen.link.Master {
			seen.master = link.Name
		}
	}
	if conf.Tap.VLANs.Native != 0 {
		if seen.vlans, err = conn.PortVLANs(seen.link.Index); err != nil {
			return seen, err
		}
	}
	if seen.shaping, err = observeShaping(conn, conf, seen.link, links); err != nil {
		return seen, err
	}
	if seen.wiring, err = observeWiring(conn, conf, seen.link); err != nil {
		return seen, about(errTakeOver, err)
	}
	if seen.addresses, err = conn.Addresses(seen.link.Index); err != nil {
		return seen, err
	}
	seen.routes, err = conn.Routes()
	return seen, err
}

// compare lists the differences, expected and found.
func compare(conf *netconf.Config, seen observation) []string {
	if seen.link == nil {
		if seen.namesake != nil {
			return []string{fmt.Sprintf("alias: expected %q, found %q on a device of kind %q", conf.Alias(), seen.namesake.Alias, seen.namesake.Kind)}
		}
		return []string{fmt.Sprintf("expected a device with the alias %q, found none", conf.Alias())}
	}
	d := compareLink(conf, seen)
	ours := ownInterface(conf)
	if ours < 0 {
		return append(d, fmt.Sprintf("prevResult: expected an interface %q in %s, found none", conf.Tap.Name, conf.Netns))
	}
	entry := conf.PrevResult.Interfaces[ours]
	if mac, err := net.ParseMAC(entry.Mac); err != nil || !bytes.Equal(mac, seen.link.MAC) {
		d = append(d, fmt.Sprintf("MAC: expected %s, found %s", entry.Mac, seen.link.MAC))
	}
	noticeChanges(conf, entry, seen.link)
	d = append(d, compareShaping(conf, seen.shaping)...)
	d = append(d, compareWiring(conf, seen)...)
	d = append(d, compareAddresses(conf.PrevResult, ours, seen.addresses)...)
	return append(d, compareRoutes(conf.PrevResult, ours, seen)...)
}

func compareLink(conf *netconf.Config, seen observation) []string {
	link, tun := seen.link, seen.link.Tun
	if !link.IsTap() {
		return []string{fmt.Sprintf("kind: expected a tap, found %q", link.Kind)}
	}
	d := &differences{}
	d.want("name", conf.Tap.Name, link.Name)
	d.want("persistent", true, tun.Persistent)
	d.want("up", true, link.Up)
	d.want("owner", idText(conf.Tap.Owner), idText(tun.Owner))
	d.want("group", idText(conf.Tap.Group), idText(tun.Group))
	d.want("multiQueue", conf.Tap.MultiQueue, tun.MultiQueue)
	if conf.Tap.Bridge != "" {
		switch {
		case seen.bridge == nil:
			d.want("bridge", conf.Tap.Bridge, "no such device")
		case seen.bridge.Index != link.Master:
			d.want("bridge", fmt.Sprintf("%q", seen.bridge.Name), fmt.Sprintf("%q", seen.master))
		default:
			d.want("isolated", conf.Tap.Isolated, link.Isolated)
			d.wantVLANs(conf.Tap.VLANs, seen.bridge.Bridge, seen.vlans)
		}
	}
	if conf.Tap.Promisc {
		d.want("promiscMode", true, link.Promisc)
	}
	if conf.Tap.AllMulti {
		d.want("allmulti", true, link.AllMulti)
	}
	return d.list
}

type differences struct{ list []string }

func (d *differences) want(what string, expected, found any) {
	if expected != found {
		d.list = append(d.list, fmt.Sprintf("%s: expected %v, found %v", what, expected, found))
	}
}

// noticeChanges tells of what a later plugin of the chain may have changed
// without recording it (tuning does not record the MTU): no difference, but worth a line.
func noticeChanges(conf *netconf.Config, entry *current.Interface, link *netdev.Link) {
	mtu := entry.Mtu
	if mtu == 0 { // results before 1.1.0 have none
		mtu = conf.Tap.MTU
	}
	if mtu != 0 && mtu != link.MTU {
		notice("tap %q: the MTU was %d and is now %d", link.Name, mtu, link.MTU)
	}
	if length := conf.Tap.TxQueueLen; length != 0 && length != link.TxQueueLen {
		notice("tap %q: the transmit queue length was %d and is now %d", link.Name, length, link.TxQueueLen)
	}
}

// compareAddresses seeks the addresses that prevResult says are on our interface.
func compareAddresses(prev *current.Result, ours int, found []net.IPNet) []string {
	var d []string
	known := byNetwork(found, func(n net.IPNet) net.IPNet { return n })
	for _, ip := range prev.IPs {
		if ip.Interface == nil || *ip.Interface != ours {
			continue
		}
		if !slices.ContainsFunc(known[ip.Address.String()], func(n net.IPNet) bool { return sameNet(n, ip.Address) }) {
			d = append(d, fmt.Sprintf("address: expected %s, found %v", ip.Address.String(), netTexts(found)))
		}
	}
	return d
}

// sameNet compares address and prefix length.
func sameNet(a, b net.IPNet) bool {
	aOnes, aBits := a.Mask.Size()
	bOnes, bBits := b.Mask.Size()
	return a.IP.Equal(b.IP) && aOnes == bOnes && aBits == bBits
}

// byNetwork is a list as a map, by the text of each entry's network, which is equal
// where sameNet says so: what is sought among thousands is found at once.
func byNetwork[T any](list []T, network func(T) net.IPNet) map[string][]T {
	index := make(map[string][]T, len(list))
	for _, entry := range list {
		n := network(entry)
		index[n.String()] = append(index[n.String()], entry)
	}
	return index
}

// netTexts is for a person, who reads so many.
func netTexts(list []net.IPNet) []string {
	const most = 20
	texts := make([]string, 0, most+1)
	for i, n := range list {
		if i == most {
			return append(texts, fmt.Sprintf("and %d more", len(list)-most))
		}
		texts = append(texts, n.String())
	}
	return texts
}

// compareRoutes seeks every route of prevResult in the table that it names. The
// result does not say whose a route is: where other interfaces have addresses
// as well, it may lead through any of them.
func compareRoutes(prev *current.Result, ours int, seen observation) []string {
	device := 0
	for _, ip := range prev.IPs {
		if ip.Interface == nil || *ip.Interface != ours {
			device = 0
			break
		}
		device = seen.link.Index
	}
	var d []string
	known := byNetwork(seen.routes, func(r netdev.RouteEntry) net.IPNet { return r.Dst })
	for _, route := range prev.Routes {
		dst := destination(route)
		if !hasRoute(known[dst.String()], route, device) {
			d = append(d, fmt.Sprintf("route: expected %s, found none such", routeText(route)))
		}
	}
	return d
}

func hasRoute(list []netdev.RouteEntry, want *types.Route, device int) bool {
	for _, r := range list {
		if matches(r, want) && leads(r, want.GW, device) {
			return true
		}
	}
	return false
}

// matches compares what the CNI route names; the rest is the kernel's or another
// plugin's choice. The table too: sbr moves an interface's routes out of the main
// table without a word in the result.
func matches(r netdev.RouteEntry, want *types.Route) bool {
	v4 := want.Dst.IP.To4() != nil
	return sameNet(r.Dst, destination(want)) &&
		(want.Table == nil || *want.Table == 0 || r.Table == *want.Table) &&
		(want.Priority == 0 || r.Priority == want.Priority) &&
		(want.Scope == nil || !v4 || r.Scope == *want.Scope) &&
		metricKept(r.MTU, want.MTU) &&
		metricKept(r.AdvMSS, want.AdvMSS)
}

// destination is that of a CNI route, without the bits behind its prefix.
func destination(r *types.Route) net.IPNet {
	return net.IPNet{IP: r.Dst.IP.Mask(r.Dst.Mask), Mask: r.Dst.Mask}
}

// metricKept compares a metric with the one that a CNI route names. Routes that
// became one have the smallest of theirs, and the kernel lowers what no packet
// can have (Linux 6.12, net/ipv4/metrics.c, ip_metrics_convert).
func metricKept(found, want int) bool {
	return want == 0 || found != 0 && found <= want
}

// leads says whether one of the hops goes through the gateway and the device; nil and 0: whichever.
func leads(r netdev.RouteEntry, gateway net.IP, device int) bool {
	for i, hop := range r.Hops {
		if (!specified(gateway) || hop.Gateway.Equal(gateway)) && (device == 0 || r.Devices[i] == device) {
			return true
		}
	}
	return false
}

func routeText(r *types.Route) string {
	text := r.Dst.String()
	if specified(r.GW) {
		text += " via " + r.GW.String()
	}
	if r.Table != nil {
		text += fmt.Sprintf(" table %d", *r.Table)
	}
	if r.Priority != 0 {
		text += fmt.Sprintf(" priority %d", r.Priority)
	}
	if r.MTU != 0 {
		text += fmt.Sprintf(" mtu %d", r.MTU)
	}
	if r.AdvMSS != 0 {
		text += fmt.Sprintf(" advmss %d", r.AdvMSS)
	}
	return text
}
