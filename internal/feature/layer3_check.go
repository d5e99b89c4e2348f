package feature

import (
	"fmt"
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netdev"
	"tap/internal/plan"
)

// compareAddresses seeks the addresses that prevResult says are on our interface.
func compareAddresses(prev *current.Result, ours int, found []net.IPNet) []plan.Difference {
	var d []plan.Difference
	known := byNetwork(found, func(n net.IPNet) net.IPNet { return n })
	for _, ip := range prev.IPs {
		if ip.Interface == nil || *ip.Interface != ours {
			continue
		}
		if !slices.ContainsFunc(known[ip.Address.String()], func(n net.IPNet) bool { return sameNet(n, ip.Address) }) {
			d = append(d, plan.Difference{What: "address", Expected: ip.Address.String(), Found: fmt.Sprint(netTexts(found))})
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
func compareRoutes(prev *current.Result, ours, index int, routes []netdev.RouteEntry) []plan.Difference {
	device := 0
	for _, ip := range prev.IPs {
		if ip.Interface == nil || *ip.Interface != ours {
			device = 0
			break
		}
		device = index
	}
	var d []plan.Difference
	known := byNetwork(routes, func(r netdev.RouteEntry) net.IPNet { return r.Dst })
	for _, route := range prev.Routes {
		dst := destination(route)
		if !hasRoute(known[dst.String()], route, device) {
			d = append(d, plan.Missing("route %s", routeText(route)))
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
