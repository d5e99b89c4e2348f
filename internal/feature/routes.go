package feature

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netdev"
)

const (
	tableMain  = 254 // RT_TABLE_MAIN, rtnetlink(7); a route without table is in it
	scopeLink  = 253 // RT_SCOPE_LINK, rtnetlink(7)
	scopeUnset = -1  // of a CNI route without scope, until all hops are known
)

// planRoutes converts CNI routes to routes of the kernel:
//   - a route without gateway gets the first gateway of its family among the addresses,
//     unless its scope says that the destination is on the link;
//   - a gateway outside the networks of all addresses is reached on the link (onlink);
//   - routes that differ only in the gateway become one multipath route.
func planRoutes(ips []*current.IPConfig, routes []*types.Route) ([]netdev.Route, error) {
	type identity struct {
		dst                    string
		table, priority, scope int
		direct                 bool
	}
	var planned []netdev.Route
	place := map[identity]int{}
	for _, r := range routes {
		route, err := planRoute(ips, r)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", routeText(r), err)
		}
		id := identity{dst: route.Dst.String(), table: route.Table, priority: route.Priority, scope: route.Scope}
		// The kernel rejects an IPv6 multipath route with a hop that has no gateway, but accepts two routes.
		id.direct = isIPv6(route.Dst.IP) && route.Hops[0].Gateway == nil
		if i, known := place[id]; known {
			if planned[i] = merge(planned[i], route); len(planned[i].Hops) > netdev.MaxHops {
				return nil, fmt.Errorf("route %s: has more than %d gateways", route.Dst.String(), netdev.MaxHops)
			}
			continue
		}
		place[id] = len(planned)
		planned = append(planned, route)
	}
	for i := range planned {
		planned[i].Scope = settleScope(planned[i])
	}
	return planned, nil
}

// settleScope returns the scope of the CNI route. A route without scope gets scope link if no hop has a
// gateway, as in ip-route(8), so that other routes can lead over it. IPv6 has no scopes.
func settleScope(route netdev.Route) int {
	switch {
	case isIPv6(route.Dst.IP):
		return 0
	case route.Scope != scopeUnset:
		return route.Scope
	case slices.ContainsFunc(route.Hops, func(hop netdev.Hop) bool { return hop.Gateway != nil }):
		return 0
	}
	return scopeLink
}

func planRoute(ips []*current.IPConfig, r *types.Route) (netdev.Route, error) {
	if err := checkNumbers(r); err != nil {
		return netdev.Route{}, err
	}
	v6 := isIPv6(r.Dst.IP)
	route := netdev.Route{
		Dst:      destination(r),
		Priority: r.Priority, Scope: scopeUnset, MTU: r.MTU, AdvMSS: r.AdvMSS,
	}
	if r.Table != nil && *r.Table != tableMain {
		route.Table = *r.Table
	}
	if r.Scope != nil && !v6 {
		route.Scope = *r.Scope
	}
	gateway := r.GW
	onLink := r.Scope != nil && *r.Scope >= scopeLink
	if !specified(gateway) && !onLink {
		gateway = defaultGateway(ips, v6)
	}
	if !specified(gateway) {
		gateway = nil
	}
	if gateway != nil && isIPv6(gateway) != v6 {
		return route, fmt.Errorf("gateway %s is of the other address family", gateway)
	}
	route.Hops = []netdev.Hop{{Gateway: gateway, OnLink: gateway != nil && !reachable(ips, gateway)}}
	return route, nil
}

// checkNumbers rejects numbers that do not fit into the fields of the kernel.
func checkNumbers(r *types.Route) error {
	if r.Dst.IP == nil {
		return errors.New("has no destination")
	}
	type number struct {
		name  string
		value int
		most  int64
	}
	const most32 = 1<<32 - 1
	numbers := []number{{"mtu", r.MTU, most32}, {"advmss", r.AdvMSS, most32}, {"priority", r.Priority, most32}}
	if r.Table != nil {
		numbers = append(numbers, number{"table", *r.Table, most32})
	}
	if r.Scope != nil {
		numbers = append(numbers, number{"scope", *r.Scope, 255})
	}
	for _, n := range numbers {
		if n.value < 0 || int64(n.value) > n.most {
			return fmt.Errorf("%s %d is not between 0 and %d", n.name, n.value, n.most)
		}
	}
	return nil
}

// defaultGateway returns the first gateway of a family among the addresses; nil if there is none.
func defaultGateway(ips []*current.IPConfig, v6 bool) net.IP {
	for _, ip := range ips {
		if specified(ip.Gateway) && isIPv6(ip.Gateway) == v6 {
			return ip.Gateway
		}
	}
	return nil
}

// reachable reports whether the network of an address contains the gateway. An IPv6 link-local gateway is
// always reachable (RFC 4291 section 2.5.6).
func reachable(ips []*current.IPConfig, gateway net.IP) bool {
	return isIPv6(gateway) && gateway.IsLinkLocalUnicast() ||
		slices.ContainsFunc(ips, func(ip *current.IPConfig) bool { return ip.Address.Contains(gateway) })
}

// merge adds the hops of b to a. The metrics belong to the whole route: the smaller of two is safe on both
// paths.
func merge(a, b netdev.Route) netdev.Route {
	for _, hop := range b.Hops {
		if !slices.ContainsFunc(a.Hops, func(h netdev.Hop) bool { return h.Gateway.Equal(hop.Gateway) }) {
			a.Hops = append(a.Hops, hop)
		}
	}
	a.MTU = smaller(a.MTU, b.MTU)
	a.AdvMSS = smaller(a.AdvMSS, b.AdvMSS)
	return a
}

// smaller returns the smaller of two metrics; 0 means unset.
func smaller(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// destination returns the destination of a CNI route without host bits.
func destination(r *types.Route) net.IPNet {
	return net.IPNet{IP: r.Dst.IP.Mask(r.Dst.Mask), Mask: r.Dst.Mask}
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
