package feature

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

const (
	minMTUIPv6 = 1280 // bytes, RFC 8200 section 5; below it the kernel turns IPv6 off for the device
	scopeLink  = 253  // RT_SCOPE_LINK, rtnetlink(7)
	loopback   = "lo"
)

var layer3Kind = cni.Kind{Code: cni.CodeLayer3, Advice: "correct the IPAM configuration: the message names the address or the route"}

// Address gives the tap the addresses and routes that IPAM returned; nil: none.
func (a *Attachment) Address(ctx context.Context, assigned *current.Result) error {
	if assigned == nil {
		return nil
	}
	if err := checkAddresses(assigned.IPs); err != nil {
		return layer3Kind.Wrap(err)
	}
	routes, err := planRoutes(assigned.IPs, assigned.Routes)
	if err != nil {
		return layer3Kind.Wrap(err)
	}
	if v6 := firstIPv6(assigned.IPs); v6 != nil {
		if mtu := a.Want.Device(plan.Tap).MTU; mtu != 0 && mtu < minMTUIPv6 {
			return &netconf.KeyError{
				Key: "mtu", Value: fmt.Sprint(mtu), Allowed: fmt.Sprintf("%d or more together with IPv6", minMTUIPv6),
				Err: fmt.Errorf("too small for IPv6, and IPAM returned %s", v6.Address.String()),
			}
		}
		if err := a.In(a.enableIPv6); err != nil {
			return deviceKind.Wrap(err)
		}
	}
	for _, ip := range assigned.IPs {
		if err := cni.Interrupted(ctx); err != nil { // of thousands, IPv6 takes the kernel a minute
			return err
		}
		if err := a.Conn.AddAddress(a.Tap().Index, ip.Address); err != nil {
			return layer3Kind.Wrap(fmt.Errorf("tap %q: %w", a.Conf.Tap.Name, err))
		}
	}
	for _, route := range routes {
		if err := cni.Interrupted(ctx); err != nil {
			return err
		}
		if err := a.Conn.AddRoute(a.Tap().Index, route); err != nil {
			return layer3Kind.Wrap(fmt.Errorf("tap %q: %w", a.Conf.Tap.Name, err))
		}
	}
	return nil
}

// checkAddresses refuses what the kernel would take and make nothing of: 0.0.0.0 is no
// address to it (Linux 6.12, net/ipv4/devinet.c, __inet_insert_ifa), and without a
// gateway of its family a default route would seek everything on the link.
func checkAddresses(ips []*current.IPConfig) error {
	for _, ip := range ips {
		switch {
		case ip.Address.IP.IsUnspecified():
			return fmt.Errorf("address %s is none", ip.Address.String())
		case specified(ip.Gateway) && isIPv6(ip.Gateway) != isIPv6(ip.Address.IP):
			return fmt.Errorf("address %s: gateway %s is of the other address family", ip.Address.String(), ip.Gateway)
		}
	}
	return nil
}

func (a *Attachment) enableIPv6() error {
	_, err := netdev.EnableIPv6(a.Conf.Tap.Name) // lies with the device: deleting that is its undo
	if err != nil {
		return err
	}
	return netdev.KeepIPv6OnDown(a.Conf.Tap.Name)
}

// EnableLoopback turns IPv6 on for lo, through which the namespace reaches its own
// addresses. It is the last step before the commit: a death in between changes as
// little as can be.
func (a *Attachment) EnableLoopback(assigned *current.Result) error {
	if assigned == nil || firstIPv6(assigned.IPs) == nil {
		return nil
	}
	changed := false
	a.Undo.On(func(context.Context) error {
		if !changed {
			return nil
		}
		return a.In(func() error { return netdev.DisableIPv6(loopback) })
	})
	return deviceKind.Wrap(a.In(func() error {
		var err error
		changed, err = netdev.EnableIPv6(loopback)
		return err
	}))
}

func firstIPv6(ips []*current.IPConfig) *current.IPConfig {
	for _, ip := range ips {
		if isIPv6(ip.Address.IP) {
			return ip
		}
	}
	return nil
}

// planRoutes makes of CNI routes what the kernel shall be asked for:
//   - a route without gateway takes the first one of its family among the
//     addresses, unless its scope says that the destination is on the link;
//   - a gateway outside every address is reached on the link all the same;
//   - routes that differ in nothing but the gateway become one multipath route.
func planRoutes(ips []*current.IPConfig, routes []*types.Route) ([]netdev.Route, error) {
	type identity struct {
		dst                    string
		table, priority, scope int
		direct                 bool
	}
	var plan []netdev.Route
	place := map[identity]int{}
	for _, r := range routes {
		route, err := planRoute(ips, r)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", routeText(r), err)
		}
		id := identity{dst: route.Dst.String(), table: route.Table, priority: route.Priority, scope: route.Scope}
		// The kernel takes no IPv6 multipath route with a hop on the link itself, but two routes.
		id.direct = isIPv6(route.Dst.IP) && route.Hops[0].Gateway == nil
		if at, known := place[id]; known {
			if plan[at] = merge(plan[at], route); len(plan[at].Hops) > netdev.MaxHops {
				return nil, fmt.Errorf("route %s: has more than %d gateways", route.Dst.String(), netdev.MaxHops)
			}
			continue
		}
		place[id] = len(plan)
		plan = append(plan, route)
	}
	for i := range plan {
		plan[i].Scope = settleScope(plan[i])
	}
	return plan, nil
}

func isIPv6(ip net.IP) bool { return ip.To4() == nil }

// scopeUnset stands for the scope that a CNI route leaves to us, until all its hops are known.
const scopeUnset = -1

// settleScope is the scope that was asked for; else, as with ip-route(8), that of the
// link where no hop has a gateway: other routes may lead over it. IPv6 has none.
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

// tableMain is RT_TABLE_MAIN, rtnetlink(7), which is also what no table means.
const tableMain = 254

// checkNumbers refuses what would wrap around on its way into the kernel.
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

func specified(ip net.IP) bool { return ip != nil && !ip.IsUnspecified() }

func defaultGateway(ips []*current.IPConfig, v6 bool) net.IP {
	for _, ip := range ips {
		if specified(ip.Gateway) && isIPv6(ip.Gateway) == v6 {
			return ip.Gateway
		}
	}
	return nil
}

// reachable says whether an address puts the gateway on the link. An IPv6
// link-local gateway always is (RFC 4291 section 2.5.6).
func reachable(ips []*current.IPConfig, gateway net.IP) bool {
	if isIPv6(gateway) && gateway.IsLinkLocalUnicast() {
		return true
	}
	for _, ip := range ips {
		if ip.Address.Contains(gateway) {
			return true
		}
	}
	return false
}

// merge adds the hops of b to a. The metrics belong to the whole route: the
// smaller of two is safe on both paths.
func merge(a, b netdev.Route) netdev.Route {
	for _, hop := range b.Hops {
		if !has(a.Hops, hop) {
			a.Hops = append(a.Hops, hop)
		}
	}
	a.MTU = smaller(a.MTU, b.MTU)
	a.AdvMSS = smaller(a.AdvMSS, b.AdvMSS)
	return a
}

func has(hops []netdev.Hop, hop netdev.Hop) bool {
	for _, h := range hops {
		if h.Gateway.Equal(hop.Gateway) {
			return true
		}
	}
	return false
}

// smaller of two metrics, of which 0 means unset.
func smaller(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
