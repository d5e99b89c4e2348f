package feature

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/plan"
)

func ptr[T any](v T) *T { return &v }

// cidr keeps the address within its network, as CNI results do.
func cidr(text string) net.IPNet {
	n, err := types.ParseCIDR(text)
	if err != nil {
		panic(err) // a test's own mistake
	}
	return *n
}

// ipConfig is an address and, unless empty, its gateway.
func ipConfig(address, gateway string) *current.IPConfig {
	return &current.IPConfig{Address: cidr(address), Gateway: net.ParseIP(gateway)}
}

// to is a route to dst, by way of a gateway unless that is empty.
func to(dst, gateway string) *types.Route {
	return &types.Route{Dst: cidr(dst), GW: net.ParseIP(gateway)}
}

// with changes a route in place: with(to(…), func(r) { r.MTU = 1400 }).
func with(r *types.Route, change func(*types.Route)) *types.Route {
	change(r)
	return r
}

// planned is what the plan comes down to, as netdev.Route prints it.
func planned(routes []netdev.Route) []string {
	var texts []string
	for _, r := range routes {
		texts = append(texts, r.String())
	}
	return texts
}

func TestPlanRoutes(t *testing.T) {
	var (
		v4     = ipConfig("10.0.0.5/24", "10.0.0.1")
		v4bare = ipConfig("10.0.0.5/24", "")
		v4host = ipConfig("10.0.0.5/32", "169.254.1.1")
		v6     = ipConfig("fd00::5/64", "fd00::1")
		v6bare = ipConfig("fd00::5/64", "")
		v6host = ipConfig("fd00::5/128", "fd00::1")
	)
	type ips = []*current.IPConfig
	type routes = []*types.Route
	tests := []struct {
		name   string
		ips    ips
		routes routes
		want   []string
	}{
		{"none", ips{v4, v6}, nil, nil},

		// which gateway
		{"own gateway", ips{v4}, routes{to("10.1.0.0/16", "10.0.0.7")}, []string{"10.1.0.0/16 via 10.0.0.7"}},
		{"gateway of the address", ips{v4}, routes{to("0.0.0.0/0", "")}, []string{"0.0.0.0/0 via 10.0.0.1"}},
		{"gateway of the family, IPv4", ips{v6, v4}, routes{to("0.0.0.0/0", "")}, []string{"0.0.0.0/0 via 10.0.0.1"}},
		{"gateway of the family, IPv6", ips{v4, v6}, routes{to("::/0", "")}, []string{"::/0 via fd00::1"}},
		{"gateway of the first address that has one", ips{v4bare, v4, ipConfig("10.0.0.6/24", "10.0.0.2")}, routes{to("0.0.0.0/0", "")}, []string{"0.0.0.0/0 via 10.0.0.1"}},
		{"gateway 0.0.0.0 is none", ips{v4}, routes{to("10.1.0.0/16", "0.0.0.0")}, []string{"10.1.0.0/16 via 10.0.0.1"}},
		{"gateway :: is none", ips{v6}, routes{to("fd01::/64", "::")}, []string{"fd01::/64 via fd00::1"}},
		{"address's gateway 0.0.0.0 is none", ips{ipConfig("10.0.0.5/24", "0.0.0.0")}, routes{to("10.1.0.0/16", "")}, []string{"10.1.0.0/16 scope 253"}},
		{"no gateway at all, IPv4", ips{v4bare}, routes{to("10.1.0.0/16", "")}, []string{"10.1.0.0/16 scope 253"}},
		{"no gateway at all, IPv6", ips{v6bare, v4}, routes{to("fd01::/64", "")}, []string{"fd01::/64"}},

		// scope
		{"scope link takes no gateway, IPv4", ips{v4}, routes{with(to("169.254.1.1/32", ""), func(r *types.Route) { r.Scope = ptr(253) })}, []string{"169.254.1.1/32 scope 253"}},
		{"scope link takes no gateway, IPv6", ips{v6}, routes{with(to("fd01::/64", ""), func(r *types.Route) { r.Scope = ptr(253) })}, []string{"fd01::/64"}},
		{"scope host takes no gateway", ips{v4}, routes{with(to("10.1.0.0/16", ""), func(r *types.Route) { r.Scope = ptr(254) })}, []string{"10.1.0.0/16 scope 254"}},
		{"scope link keeps its own gateway", ips{v4}, routes{with(to("10.1.0.0/16", "10.0.0.7"), func(r *types.Route) { r.Scope = ptr(253) })}, []string{"10.1.0.0/16 via 10.0.0.7 scope 253"}},
		{"scope link, gateway 0.0.0.0 is none", ips{v4}, routes{with(to("10.1.0.0/16", "0.0.0.0"), func(r *types.Route) { r.Scope = ptr(253) })}, []string{"10.1.0.0/16 scope 253"}},
		{"scope global takes the gateway", ips{v4}, routes{with(to("10.1.0.0/16", ""), func(r *types.Route) { r.Scope = ptr(0) })}, []string{"10.1.0.0/16 via 10.0.0.1"}},
		{"scope global without any gateway", ips{v4bare}, routes{with(to("10.1.0.0/16", ""), func(r *types.Route) { r.Scope = ptr(0) })}, []string{"10.1.0.0/16"}},
		{"scope site takes the gateway", ips{v4}, routes{with(to("10.1.0.0/16", ""), func(r *types.Route) { r.Scope = ptr(200) })}, []string{"10.1.0.0/16 via 10.0.0.1 scope 200"}},

		// gateways that no address puts on the link
		{"gateway outside, IPv4", ips{v4host}, routes{to("0.0.0.0/0", "")}, []string{"0.0.0.0/0 via 169.254.1.1 onlink"}},
		{"gateway outside, IPv6", ips{v6host}, routes{to("::/0", "")}, []string{"::/0 via fd00::1 onlink"}},
		{"own gateway outside", ips{v4}, routes{to("10.1.0.0/16", "192.0.2.1")}, []string{"10.1.0.0/16 via 192.0.2.1 onlink"}},
		{"gateway within the second address", ips{v4host, v4}, routes{to("10.1.0.0/16", "10.0.0.1")}, []string{"10.1.0.0/16 via 10.0.0.1"}},
		{"link-local IPv6 gateway is within reach", ips{v6host}, routes{to("::/0", "fe80::1")}, []string{"::/0 via fe80::1"}},
		{"link-local IPv4 gateway is not", ips{v4}, routes{to("0.0.0.0/0", "169.254.1.1")}, []string{"0.0.0.0/0 via 169.254.1.1 onlink"}},

		// destination and attributes
		{"host bits of the destination go", ips{v4}, routes{to("10.1.2.3/16", "")}, []string{"10.1.0.0/16 via 10.0.0.1"}},
		{"every attribute", ips{v4}, routes{with(to("10.1.0.0/16", ""), func(r *types.Route) { r.MTU, r.AdvMSS, r.Priority, r.Table = 1400, 1300, 7, ptr(100) })},
			[]string{"10.1.0.0/16 via 10.0.0.1 table 100 priority 7 mtu 1400 advmss 1300"}},
		{"table main is no table", ips{v4}, routes{with(to("10.1.0.0/16", ""), func(r *types.Route) { r.Table = ptr(254) })}, []string{"10.1.0.0/16 via 10.0.0.1"}},
		{"table 0 is no table", ips{v4}, routes{with(to("10.1.0.0/16", ""), func(r *types.Route) { r.Table = ptr(0) })}, []string{"10.1.0.0/16 via 10.0.0.1"}},
		{"largest numbers", ips{v4}, routes{with(to("10.1.0.0/16", ""), func(r *types.Route) {
			r.MTU, r.AdvMSS, r.Priority, r.Table, r.Scope = 1<<32-1, 1<<32-1, 1<<32-1, ptr(1<<32-1), ptr(255)
		})}, []string{"10.1.0.0/16 table 4294967295 priority 4294967295 scope 255 mtu 4294967295 advmss 4294967295"}},

		// what becomes one route
		{"two gateways, IPv4", ips{v4}, routes{to("0.0.0.0/0", "10.0.0.1"), to("0.0.0.0/0", "10.0.0.2")}, []string{"0.0.0.0/0 via 10.0.0.1 via 10.0.0.2"}},
		{"two gateways, IPv6", ips{v6}, routes{to("::/0", "fd00::1"), to("::/0", "fe80::2")}, []string{"::/0 via fd00::1 via fe80::2"}},
		{"default and named gateway", ips{v4}, routes{to("0.0.0.0/0", ""), to("0.0.0.0/0", "10.0.0.2")}, []string{"0.0.0.0/0 via 10.0.0.1 via 10.0.0.2"}},
		{"one hop within, one outside", ips{v4}, routes{to("0.0.0.0/0", "10.0.0.1"), to("0.0.0.0/0", "192.0.2.1")}, []string{"0.0.0.0/0 via 10.0.0.1 via 192.0.2.1 onlink"}},
		{"three hops around another route", ips{v4}, routes{to("0.0.0.0/0", "10.0.0.1"), to("10.1.0.0/16", ""), to("0.0.0.0/0", "10.0.0.2"), to("0.0.0.0/0", "10.0.0.3")},
			[]string{"0.0.0.0/0 via 10.0.0.1 via 10.0.0.2 via 10.0.0.3", "10.1.0.0/16 via 10.0.0.1"}},
		{"equal routes", ips{v4}, routes{to("10.1.0.0/16", "10.0.0.1"), to("10.1.0.0/16", "10.0.0.1")}, []string{"10.1.0.0/16 via 10.0.0.1"}},
		{"equal routes without gateway", ips{v4bare}, routes{to("10.1.0.0/16", ""), to("10.1.0.0/16", "")}, []string{"10.1.0.0/16 scope 253"}},
		{"equal but for host bits", ips{v4}, routes{to("10.1.2.3/16", "10.0.0.1"), to("10.1.0.0/16", "10.0.0.2")}, []string{"10.1.0.0/16 via 10.0.0.1 via 10.0.0.2"}},
		{"equal but for how table main is written", ips{v4}, routes{to("10.1.0.0/16", "10.0.0.1"), with(to("10.1.0.0/16", "10.0.0.2"), func(r *types.Route) { r.Table = ptr(254) })},
			[]string{"10.1.0.0/16 via 10.0.0.1 via 10.0.0.2"}},
		{"smaller metrics win", ips{v4}, routes{
			with(to("0.0.0.0/0", "10.0.0.1"), func(r *types.Route) { r.MTU, r.AdvMSS = 1400, 1200 }),
			with(to("0.0.0.0/0", "10.0.0.2"), func(r *types.Route) { r.MTU, r.AdvMSS = 1300, 1250 }),
		}, []string{"0.0.0.0/0 via 10.0.0.1 via 10.0.0.2 mtu 1300 advmss 1200"}},
		{"metrics of the first only", ips{v4}, routes{
			with(to("0.0.0.0/0", "10.0.0.1"), func(r *types.Route) { r.MTU, r.AdvMSS = 1400, 1200 }), to("0.0.0.0/0", "10.0.0.2"),
		}, []string{"0.0.0.0/0 via 10.0.0.1 via 10.0.0.2 mtu 1400 advmss 1200"}},
		{"metrics of the second only", ips{v4}, routes{
			to("0.0.0.0/0", "10.0.0.1"), with(to("0.0.0.0/0", "10.0.0.2"), func(r *types.Route) { r.MTU, r.AdvMSS = 1400, 1200 }),
		}, []string{"0.0.0.0/0 via 10.0.0.1 via 10.0.0.2 mtu 1400 advmss 1200"}},

		// what stays apart
		{"other table", ips{v4}, routes{to("0.0.0.0/0", ""), with(to("0.0.0.0/0", ""), func(r *types.Route) { r.Table = ptr(100) })},
			[]string{"0.0.0.0/0 via 10.0.0.1", "0.0.0.0/0 via 10.0.0.1 table 100"}},
		{"other priority", ips{v4}, routes{to("0.0.0.0/0", ""), with(to("0.0.0.0/0", "10.0.0.2"), func(r *types.Route) { r.Priority = 9 })},
			[]string{"0.0.0.0/0 via 10.0.0.1", "0.0.0.0/0 via 10.0.0.2 priority 9"}},
		{"other scope", ips{v4}, routes{to("10.1.0.0/16", ""), with(to("10.1.0.0/16", ""), func(r *types.Route) { r.Scope = ptr(253) })},
			[]string{"10.1.0.0/16 via 10.0.0.1", "10.1.0.0/16 scope 253"}},
		{"other prefix length", ips{v4}, routes{to("10.1.0.0/16", ""), to("10.1.0.0/17", "")},
			[]string{"10.1.0.0/16 via 10.0.0.1", "10.1.0.0/17 via 10.0.0.1"}},
		{"other family", ips{v4, v6}, routes{to("0.0.0.0/0", ""), to("::/0", "")}, []string{"0.0.0.0/0 via 10.0.0.1", "::/0 via fd00::1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			routes, err := planRoutes(tt.ips, tt.routes)
			if err != nil {
				t.Fatalf("planRoutes\nwant no error\ngot  %v", err)
			}
			if got := planned(routes); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("planRoutes\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}

func TestPlanRoutesRefused(t *testing.T) {
	route := func(change func(*types.Route)) *types.Route { return with(to("10.1.0.0/16", ""), change) }
	tests := []struct {
		name  string
		route *types.Route
		want  string
	}{
		{"no destination", &types.Route{GW: net.ParseIP("10.0.0.1")}, "no destination"},
		{"IPv6 gateway of an IPv4 route", to("10.1.0.0/16", "fd00::1"), "gateway fd00::1 is of the other address family"},
		{"IPv4 gateway of an IPv6 route", to("fd01::/64", "10.0.0.1"), "gateway 10.0.0.1 is of the other address family"},
		{"mtu negative", route(func(r *types.Route) { r.MTU = -1 }), "mtu -1"},
		{"mtu too large", route(func(r *types.Route) { r.MTU = 1 << 32 }), "mtu 4294967296"},
		{"advmss negative", route(func(r *types.Route) { r.AdvMSS = -1 }), "advmss -1"},
		{"advmss too large", route(func(r *types.Route) { r.AdvMSS = 1 << 32 }), "advmss 4294967296"},
		{"priority negative", route(func(r *types.Route) { r.Priority = -1 }), "priority -1"},
		{"priority too large", route(func(r *types.Route) { r.Priority = 1 << 32 }), "priority 4294967296"},
		{"table negative", route(func(r *types.Route) { r.Table = ptr(-1) }), "table -1"},
		{"table too large", route(func(r *types.Route) { r.Table = ptr(1 << 32) }), "table 4294967296"},
		{"scope negative", route(func(r *types.Route) { r.Scope = ptr(-1) }), "scope -1"},
		{"scope too large", route(func(r *types.Route) { r.Scope = ptr(256) }), "scope 256 is not between 0 and 255"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := planRoutes([]*current.IPConfig{ipConfig("10.0.0.5/24", "10.0.0.1")}, []*types.Route{tt.route})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("planRoutes\nwant an error about %q\ngot  %v", tt.want, err)
			}
		})
	}
}

// unreachable is a namespace that cannot be entered: what gets as far as that fails with errLayer3.
var unreachable = &netns.Sandbox{}

func TestAddressOfIPv6NeedsItsMTU(t *testing.T) {
	tests := []struct {
		name    string
		mtu     int
		refused bool
	}{
		{"the kernel's default", 0, false},
		{"smallest", 1280, false},
		{"too small", 1279, true},
		{"smallest of IPv4", 68, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			device := &Attachment{Conf: &netconf.Config{}, Want: plan.New(), Sandbox: unreachable}
			device.Want.Device(plan.Tap).MTU = tt.mtu
			err := device.ApplyIPAM(&current.Result{IPs: []*current.IPConfig{ipConfig("10.0.0.5/24", ""), ipConfig("fd00::5/64", "")}})
			var key *netconf.KeyError
			if !tt.refused {
				if errors.As(err, &key) || !errors.Is(err, netns.ErrEnter) {
					t.Errorf("address\nwant it to go on, to the namespace\ngot  %v", err)
				}
				return
			}
			if !errors.As(err, &key) || key.Key != "mtu" || !strings.Contains(err.Error(), "fd00::5/64") {
				t.Errorf("address\nwant a KeyError of mtu that names fd00::5/64\ngot  %v", err)
			}
		})
	}
}

func TestAddressRefusesRoutesBeforeTouchingTheDevice(t *testing.T) {
	device := &Attachment{Conf: &netconf.Config{}} // without connection: touching it panics
	err := device.ApplyIPAM(&current.Result{
		IPs:    []*current.IPConfig{ipConfig("10.0.0.5/24", "")},
		Routes: []*types.Route{to("10.1.0.0/16", "fd00::1")},
	})
	if got := cni.Render(err); got == nil || got.Code != cni.CodeLayer3 {
		t.Errorf("address\nwant code %d\ngot  %v", cni.CodeLayer3, err)
	}
}

func TestAddressWithoutIPAMDoesNothing(t *testing.T) {
	if err := (&Attachment{}).ApplyIPAM(nil); err != nil {
		t.Errorf("address(nil)\nwant no error\ngot  %v", err)
	}
}

func TestEnableLoopbackOnlyForIPv6(t *testing.T) {
	tests := []struct {
		name     string
		assigned *current.Result
		want     error
	}{
		{"no IPAM", nil, nil},
		{"IPv4", &current.Result{IPs: []*current.IPConfig{ipConfig("10.0.0.5/24", "")}}, nil},
		{"IPv6", &current.Result{IPs: []*current.IPConfig{ipConfig("fd00::5/64", "")}}, netns.ErrEnter},
		{"both", &current.Result{IPs: []*current.IPConfig{ipConfig("10.0.0.5/24", ""), ipConfig("fd00::5/64", "")}}, netns.ErrEnter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &Attachment{Sandbox: unreachable}
			err := a.EnableLoopback(tt.assigned)
			if !errors.Is(err, tt.want) {
				t.Fatalf("enableLoopback\nwant %v\ngot  %v", tt.want, err)
			}
			if err != nil {
				return
			}
			if err := a.Undo.Run(context.Background()); err != nil {
				t.Errorf("undo of nothing\nwant no error\ngot  %v", err)
			}
		})
	}
}

// One route of more hops would be cut by the length of its attribute, and could not be listed.
func TestPlanRoutesBoundsTheHops(t *testing.T) {
	hops := func(n int) []*types.Route {
		var routes []*types.Route
		for i := range n {
			routes = append(routes, to("10.1.0.0/16", net.IPv4(10, 0, byte(i>>8), byte(i)).String()))
		}
		return routes
	}
	routes, err := planRoutes(nil, hops(netdev.MaxHops))
	if err != nil || len(routes) != 1 || len(routes[0].Hops) != netdev.MaxHops {
		t.Errorf("planRoutes\nwant one route of %d hops\ngot  %d routes, %v", netdev.MaxHops, len(routes), err)
	}
	_, err = planRoutes(nil, hops(netdev.MaxHops+1))
	if want := "route 10.1.0.0/16: has more than 1024 gateways"; err == nil || err.Error() != want {
		t.Errorf("planRoutes\nwant %s\ngot  %v", want, err)
	}
}

func TestCheckAddresses(t *testing.T) {
	tests := []struct{ name, address, gateway, want string }{
		{"no gateway", "10.0.0.5/24", "", ""},
		{"of its family", "fd00::5/64", "fe80::1", ""},
		{"an unspecified gateway is none", "10.0.0.5/24", "::", ""},
		{"IPv6 gateway", "10.0.0.5/24", "fd00::1", "address 10.0.0.5/24: gateway fd00::1 is of the other address family"},
		{"IPv4 gateway", "fd00::5/64", "10.0.0.1", "address fd00::5/64: gateway 10.0.0.1 is of the other address family"},
		{"no IPv4 address", "0.0.0.0/0", "", "address 0.0.0.0/0: unspecified address cannot be assigned"},
		{"no IPv6 address", "::/64", "", "address ::/64: unspecified address cannot be assigned"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := checkAddresses([]*current.IPConfig{ipConfig("10.0.0.9/24", ""), ipConfig(tt.address, tt.gateway)})
			if got := errorText(err); got != tt.want {
				t.Errorf("checkAddresses\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
