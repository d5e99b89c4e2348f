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

// compareAddresses returns the addresses that prevResult has for the interface with an index, but the tap
// does not have.
func compareAddresses(prev *current.Result, index int, found []net.IPNet) []plan.Difference {
	var d []plan.Difference
	known := byNetwork(found, func(n net.IPNet) net.IPNet { return n })
	for _, ip := range prev.IPs {
		if ip.Interface == nil || *ip.Interface != index {
			continue
		}
		if !slices.ContainsFunc(known[ip.Address.String()], func(n net.IPNet) bool { return sameNet(n, ip.Address) }) {
			d = append(d, plan.Difference{What: "address", Expected: ip.Address.String(), Found: fmt.Sprint(netTexts(found))})
		}
	}
	return d
}

// sameNet reports whether address and prefix length are equal.
func sameNet(a, b net.IPNet) bool {
	aOnes, aBits := a.Mask.Size()
	bOnes, bBits := b.Mask.Size()
	return a.IP.Equal(b.IP) && aOnes == bOnes && aBits == bBits
}

// byNetwork indexes list by the text of the network, so that lookups among thousands of entries do not scan
// the list. The texts are equal if sameNet reports true.
func byNetwork[T any](list []T, network func(T) net.IPNet) map[string][]T {
	index := make(map[string][]T, len(list))
	for _, entry := range list {
		n := network(entry)
		index[n.String()] = append(index[n.String()], entry)
	}
	return index
}

// netTexts formats networks for an error message, at most 20 of them.
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

// compareRoutes returns the routes of prevResult that are missing in the kernel. A route of prevResult does
// not name its device: if another interface has addresses as well, any device counts.
func compareRoutes(prev *current.Result, index, tap int, routes []netdev.RouteEntry) []plan.Difference {
	device := 0
	for _, ip := range prev.IPs {
		if ip.Interface == nil || *ip.Interface != index {
			device = 0
			break
		}
		device = tap
	}
	var d []plan.Difference
	known := byNetwork(routes, func(r netdev.RouteEntry) net.IPNet { return r.Dst })
	for _, route := range prev.Routes {
		dst := destination(route)
		isRoute := func(r netdev.RouteEntry) bool { return matches(r, route) && hasHop(r, route.GW, device) }
		if !slices.ContainsFunc(known[dst.String()], isRoute) {
			d = append(d, plan.Missing("route %s", routeText(route)))
		}
	}
	return d
}

// matches compares the attributes that the CNI route has; the kernel or another plugin chose the others. This
// includes the table: the plugin sbr moves the routes of an interface out of the main table and does not
// record that in the result.
func matches(r netdev.RouteEntry, want *types.Route) bool {
	v4 := want.Dst.IP.To4() != nil
	return sameNet(r.Dst, destination(want)) &&
		(want.Table == nil || *want.Table == 0 || r.Table == *want.Table) &&
		(want.Priority == 0 || r.Priority == want.Priority) &&
		(want.Scope == nil || !v4 || r.Scope == *want.Scope) &&
		metricKept(r.MTU, want.MTU) &&
		metricKept(r.AdvMSS, want.AdvMSS)
}

// metricKept reports whether a route has the metric of a CNI route, or a smaller one: merged routes have the
// smaller of their metrics, and the kernel lowers a metric that no packet can have (Linux 6.12,
// net/ipv4/metrics.c, ip_metrics_convert).
func metricKept(found, want int) bool {
	return want == 0 || found != 0 && found <= want
}

// hasHop reports whether a hop leads through the gateway and the device. An unspecified gateway and device 0
// match any.
func hasHop(r netdev.RouteEntry, gateway net.IP, device int) bool {
	for i, hop := range r.Hops {
		if (!specified(gateway) || hop.Gateway.Equal(gateway)) && (device == 0 || r.Devices[i] == device) {
			return true
		}
	}
	return false
}
