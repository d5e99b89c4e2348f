package feature

import (
	"net"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netdev"
	"tap/internal/plan"
)

// expectedLayer3 holds the addresses and routes that prevResult records for the tap, and which of them the kernel
// has. It judges addresses and routes of the kernel while they are listed, because the namespace may have
// hundreds of thousands. An object may be listed more than once.
type expectedLayer3 struct {
	tap       int // index of the device through which a route must lead; 0 for any
	addresses []expectation[net.IPNet]
	routes    []expectation[*types.Route]
	// Indexes of the entries above by the text of the address or destination. The texts are equal if sameNet
	// reports true.
	byAddress, byDestination map[string][]int
	found                    []string // the first addresses of the tap, for an error message
	foundMore                bool     // the tap has further addresses
}

// expectation is an object that must exist.
type expectation[T any] struct {
	want T
	seen bool
}

// maxFound is how many addresses of the tap an error message lists.
const maxFound = 20

// newExpectedLayer3 returns what prev, whose entry for the tap has an index, records. A route of prevResult does
// not name its device: if another interface has addresses as well, any device counts.
func newExpectedLayer3(prev *current.Result, index, tap int) *expectedLayer3 {
	e := &expectedLayer3{byAddress: map[string][]int{}, byDestination: map[string][]int{}}
	isOwn := func(ip *current.IPConfig) bool { return ip.Interface != nil && *ip.Interface == index }
	for _, ip := range prev.IPs {
		if isOwn(ip) {
			e.byAddress[ip.Address.String()] = append(e.byAddress[ip.Address.String()], len(e.addresses))
			e.addresses = append(e.addresses, expectation[net.IPNet]{want: ip.Address})
		}
	}
	if len(e.addresses) > 0 && len(e.addresses) == len(prev.IPs) {
		e.tap = tap
	}
	for _, route := range prev.Routes {
		dst := destination(route)
		e.byDestination[dst.String()] = append(e.byDestination[dst.String()], len(e.routes))
		e.routes = append(e.routes, expectation[*types.Route]{want: route})
	}
	return e
}

// seeAddress judges an address of the tap.
func (e *expectedLayer3) seeAddress(n net.IPNet) {
	text := n.String()
	if !slices.Contains(e.found, text) {
		if len(e.found) < maxFound {
			e.found = append(e.found, text)
		} else {
			e.foundMore = true
		}
	}
	for _, i := range e.byAddress[text] {
		e.addresses[i].seen = e.addresses[i].seen || sameNet(n, e.addresses[i].want)
	}
}

// seeRoute judges a route of the namespace.
func (e *expectedLayer3) seeRoute(r netdev.RouteEntry) {
	for _, i := range e.byDestination[r.Dst.String()] {
		want := e.routes[i].want
		e.routes[i].seen = e.routes[i].seen || matches(r, want) && hasHop(r, want.GW, e.tap)
	}
}

// differences returns the addresses and routes that the kernel does not have.
func (e *expectedLayer3) differences() []plan.Difference {
	var d []plan.Difference
	for _, address := range e.addresses {
		if !address.seen {
			d = append(d, plan.Difference{What: "address", Expected: address.want.String(), Found: e.foundText()})
		}
	}
	for _, route := range e.routes {
		if !route.seen {
			d = append(d, plan.Missing("route %s", routeText(route.want)))
		}
	}
	return d
}

// foundText returns the addresses of the tap for an error message.
func (e *expectedLayer3) foundText() string {
	text := strings.Join(e.found, " ")
	if e.foundMore {
		text += " and more"
	}
	return "[" + text + "]"
}

// sameNet reports whether address and prefix length are equal.
func sameNet(a, b net.IPNet) bool {
	aOnes, aBits := a.Mask.Size()
	bOnes, bBits := b.Mask.Size()
	return a.IP.Equal(b.IP) && aOnes == bOnes && aBits == bBits
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
