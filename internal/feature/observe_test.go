package feature

import (
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

// intact is an attachment with everything, and what CHECK sees of it while nobody has touched it.
func intact() (*netconf.Config, observation) {
	conf := &netconf.Config{
		CNIVersion: "1.1.0", Network: "vms", ContainerID: "0123abcd", IfName: "net1", Netns: "/run/netns/pod",
		Tap: netconf.Tap{
			Name: "net1", MultiQueue: true, MTU: 1400, TxQueueLen: 500, Owner: ptr(uint32(0)), Group: ptr(uint32(107)),
			Bridge: "br0", Isolated: true, Promisc: true, AllMulti: true,
		},
		PrevResult: &current.Result{
			Interfaces: []*current.Interface{{Name: "net1", Mac: "02:00:00:00:00:01", Mtu: 1400, Sandbox: "/run/netns/pod"}},
			IPs:        []*current.IPConfig{{Interface: ptr(0), Address: cidr("10.0.0.5/24")}, {Interface: ptr(0), Address: cidr("fd00::5/64")}},
			Routes:     []*types.Route{to("0.0.0.0/0", "")},
		},
	}
	seen := observation{
		link: &netdev.Link{
			Index: 7, Name: "net1", Alias: conf.Alias(), Kind: "tun", Up: true, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1},
			MTU: 1400, TxQueueLen: 500, Master: 3, Isolated: true, Promisc: true, AllMulti: true,
			Tun: &netdev.Tun{Tap: true, Persistent: true, MultiQueue: true, Owner: ptr(uint32(0)), Group: ptr(uint32(107))},
		},
		bridge:    &netdev.Link{Index: 3, Name: "br0", Kind: "bridge"},
		addresses: []net.IPNet{cidr("fe80::1/64"), cidr("10.0.0.5/24"), cidr("fd00::5/64")},
		routes: []netdev.RouteEntry{
			{Route: netdev.Route{Dst: cidr("10.0.0.0/24"), Table: tableMain, Hops: []netdev.Hop{{}}}, Devices: []int{7}},
			{Route: netdev.Route{Dst: cidr("0.0.0.0/0"), Table: tableMain, Hops: []netdev.Hop{{Gateway: net.ParseIP("10.0.0.1")}}}, Devices: []int{7}},
		},
	}
	return conf, seen
}

func TestCompare(t *testing.T) {
	tests := []struct {
		name   string
		change func(*netconf.Config, *observation)
		want   []string // each names what differs, the expected and the found
	}{
		{"intact", func(*netconf.Config, *observation) {}, nil},

		{"gone", func(_ *netconf.Config, o *observation) { o.link = nil },
			[]string{`missing device with alias "tap/vms/0123abcd/net1"`}},
		{"another's device bears the name", func(_ *netconf.Config, o *observation) {
			o.link, o.namesake = nil, &netdev.Link{Name: "net1", Kind: "veth", Alias: "mine"}
		}, []string{`alias: expected "tap/vms/0123abcd/net1", found "mine" on a device of kind "veth"`}},
		{"a veth took its place, alias and all", func(_ *netconf.Config, o *observation) { o.link.Kind, o.link.Tun = "veth", nil },
			[]string{`kind: expected a tap, found "veth"`}},
		{"a tun took its place", func(_ *netconf.Config, o *observation) { o.link.Tun.Tap = false },
			[]string{`kind: expected a tap, found "tun"`}},

		{"renamed", func(_ *netconf.Config, o *observation) { o.link.Name = "net9" }, []string{"name: expected net1, found net9"}},
		{"not persistent", func(_ *netconf.Config, o *observation) { o.link.Tun.Persistent = false }, []string{"persistent: expected true, found false"}},
		{"down", func(_ *netconf.Config, o *observation) { o.link.Up = false }, []string{"up: expected true, found false"}},
		{"another owner", func(_ *netconf.Config, o *observation) { o.link.Tun.Owner = ptr(uint32(5)) }, []string{"owner: expected 0, found 5"}},
		{"no owner, which is not root", func(_ *netconf.Config, o *observation) { o.link.Tun.Owner = nil }, []string{"owner: expected 0, found none"}},
		{"an owner where none was asked for", func(c *netconf.Config, _ *observation) { c.Tap.Owner = nil }, []string{"owner: expected none, found 0"}},
		{"another group", func(_ *netconf.Config, o *observation) { o.link.Tun.Group = ptr(uint32(5)) }, []string{"group: expected 107, found 5"}},
		{"no group", func(_ *netconf.Config, o *observation) { o.link.Tun.Group = nil }, []string{"group: expected 107, found none"}},
		{"a single queue", func(_ *netconf.Config, o *observation) { o.link.Tun.MultiQueue = false }, []string{"multiQueue: expected true, found false"}},

		{"no longer a port", func(_ *netconf.Config, o *observation) { o.link.Master = 0 }, []string{`bridge: expected "br0", found ""`}},
		{"port of another bridge", func(_ *netconf.Config, o *observation) { o.link.Master, o.master = 4, "br1" }, []string{`bridge: expected "br0", found "br1"`}},
		{"bridge gone", func(_ *netconf.Config, o *observation) { o.bridge, o.link.Master = nil, 0 }, []string{`missing bridge "br0"`}},
		{"no bridge asked for", func(c *netconf.Config, o *observation) { c.Tap.Bridge, o.bridge = "", nil }, nil},

		{"not isolated", func(_ *netconf.Config, o *observation) { o.link.Isolated = false }, []string{"isolated: expected true, found false"}},
		{"isolated unasked", func(c *netconf.Config, _ *observation) { c.Tap.Isolated = false }, []string{"isolated: expected false, found true"}},
		{"not promiscuous", func(_ *netconf.Config, o *observation) { o.link.Promisc = false }, []string{"promiscMode: expected true, found false"}},
		{"promiscuous unasked, by another plugin", func(c *netconf.Config, _ *observation) { c.Tap.Promisc, c.Tap.AllMulti = false, false }, nil},
		{"not for all multicast", func(_ *netconf.Config, o *observation) { o.link.AllMulti = false }, []string{"allmulti: expected true, found false"}},

		{"another MAC", func(_ *netconf.Config, o *observation) { o.link.MAC = net.HardwareAddr{2, 0, 0, 0, 0, 9} }, []string{"MAC: expected 02:00:00:00:00:01, found 02:00:00:00:00:09"}},
		{"MAC changed by a later plugin, which recorded it", func(c *netconf.Config, o *observation) {
			o.link.MAC = net.HardwareAddr{2, 0, 0, 0, 0, 9}
			c.PrevResult.Interfaces[0].Mac = "02:00:00:00:00:09"
		}, nil},
		{"MAC recorded in upper case", func(c *netconf.Config, o *observation) {
			o.link.MAC = net.HardwareAddr{2, 0, 0, 0, 0, 0xab}
			c.PrevResult.Interfaces[0].Mac = "02:00:00:00:00:AB"
		}, nil},
		{"MAC not recorded", func(c *netconf.Config, _ *observation) { c.PrevResult.Interfaces[0].Mac = "" }, []string{"MAC: expected , found 02:00:00:00:00:01"}},
		{"MTU changed by a later plugin", func(_ *netconf.Config, o *observation) { o.link.MTU = 1300 }, nil},
		{"txQueueLen changed by a later plugin", func(_ *netconf.Config, o *observation) { o.link.TxQueueLen = 1 }, nil},

		{"not in prevResult", func(c *netconf.Config, _ *observation) { c.PrevResult = &current.Result{} },
			[]string{`missing entry of prevResult: interface "net1" in /run/netns/pod`}},

		{"address gone", func(_ *netconf.Config, o *observation) { o.addresses = o.addresses[:1] },
			[]string{"address: expected 10.0.0.5/24, found [fe80::1/64]", "address: expected fd00::5/64, found [fe80::1/64]"}},
		{"address of another length", func(_ *netconf.Config, o *observation) { o.addresses[1] = cidr("10.0.0.5/16") },
			[]string{"address: expected 10.0.0.5/24, found [fe80::1/64 10.0.0.5/16 fd00::5/64]"}},
		{"another address", func(_ *netconf.Config, o *observation) { o.addresses[1] = cidr("10.0.0.6/24") },
			[]string{"address: expected 10.0.0.5/24, found [fe80::1/64 10.0.0.6/24 fd00::5/64]"}},
		{"another interface's address", func(c *netconf.Config, _ *observation) {
			c.PrevResult.Interfaces = append(c.PrevResult.Interfaces, &current.Interface{Name: "eth0", Sandbox: "/run/netns/pod"})
			c.PrevResult.IPs = append(c.PrevResult.IPs, &current.IPConfig{Interface: ptr(1), Address: cidr("192.0.2.5/24")})
		}, nil},
		{"nobody's address", func(c *netconf.Config, _ *observation) {
			c.PrevResult.IPs = append(c.PrevResult.IPs, &current.IPConfig{Address: cidr("192.0.2.5/24")})
		}, nil},

		{"route gone", func(_ *netconf.Config, o *observation) { o.routes = o.routes[:1] }, []string{"missing route 0.0.0.0/0"}},
		{"several at once", func(_ *netconf.Config, o *observation) {
			o.link.Up, o.link.Tun.Owner, o.link.MAC, o.addresses, o.routes = false, nil, nil, nil, nil
		}, []string{
			"up: expected true, found false", "owner: expected 0, found none", "MAC: expected 02:00:00:00:00:01, found ",
			"address: expected 10.0.0.5/24, found []", "address: expected fd00::5/64, found []", "missing route 0.0.0.0/0",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf, seen := intact()
			tt.change(conf, &seen)
			var got []string
			mild := false
			for _, d := range seen.differences(t, conf) {
				if mild = mild || d.Tolerated; !d.Tolerated {
					got = append(got, d.String())
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("differences\nwant %q\ngot  %q", tt.want, got)
			}
			if want := strings.Contains(tt.name, "changed by a later plugin") && seen.link.MAC.String() == "02:00:00:00:00:01"; mild != want {
				t.Errorf("a mild one\nwant %v\ngot  %v", want, mild)
			}
		})
	}
}

// observation is what the cases change.
type observation struct {
	link, namesake, bridge *netdev.Link
	master                 string
	addresses              []net.IPNet
	routes                 []netdev.RouteEntry
}

func (o observation) differences(t *testing.T, conf *netconf.Config) []plan.Difference {
	t.Helper()
	p := &port{bridge: o.bridge}
	a := newAttachment(conf, nil, []Feature{newBase(), {Plan: p.plan}, newBandwidth()})
	if err := a.run(planStep); err != nil {
		t.Fatal(err)
	}
	seen := &plan.Observed{Devices: map[plan.Role]*plan.State{}, Namesake: o.namesake, Master: o.master}
	if o.link != nil {
		seen.Devices[plan.Tap] = &plan.State{Link: o.link}
	}
	index := conf.PrevResultIndex(conf.Tap.Name)
	if index < 0 || o.link == nil {
		return a.compare(seen, nil)
	}
	layer3 := newExpectedLayer3(conf.PrevResult, index, o.link.Index)
	for _, address := range o.addresses {
		layer3.seeAddress(address)
	}
	for _, route := range o.routes {
		layer3.seeRoute(route)
	}
	return a.compare(seen, layer3)
}

func TestCompareRoutes(t *testing.T) {
	entry := func(dst string, device int, gateways ...string) netdev.RouteEntry {
		e := netdev.RouteEntry{Route: netdev.Route{Dst: cidr(dst), Table: tableMain}}
		for _, gateway := range gateways {
			e.Hops, e.Devices = append(e.Hops, netdev.Hop{Gateway: net.ParseIP(gateway)}), append(e.Devices, device)
		}
		return e
	}
	full := entry("10.1.0.0/16", 7, "10.0.0.1")
	full.Table, full.Priority, full.Scope, full.MTU, full.AdvMSS = 100, 5, 200, 1300, 1200
	multi := entry("10.1.0.0/16", 7, "10.0.0.1", "10.0.0.2")
	multi.MTU = 1300
	full6 := entry("fd01::/64", 7, "fd00::1")
	full6.Priority, full6.Scope = 1024, 0
	detailed := func(change func(*types.Route)) *types.Route {
		r := to("10.1.0.0/16", "10.0.0.1")
		r.Table, r.Priority, r.Scope, r.MTU, r.AdvMSS = ptr(100), 5, ptr(200), 1300, 1200
		change(r)
		return r
	}
	tests := []struct {
		name  string
		found netdev.RouteEntry
		route *types.Route
		want  bool
	}{
		{"same gateway", entry("10.1.0.0/16", 7, "10.0.0.1"), to("10.1.0.0/16", "10.0.0.1"), true},
		{"any gateway", entry("10.1.0.0/16", 7, "10.0.0.1"), to("10.1.0.0/16", ""), true},
		{"gateway 0.0.0.0 is any", entry("10.1.0.0/16", 7, "10.0.0.1"), to("10.1.0.0/16", "0.0.0.0"), true},
		{"another gateway", entry("10.1.0.0/16", 7, "10.0.0.1"), to("10.1.0.0/16", "10.0.0.2"), false},
		{"gateway where none is", entry("10.1.0.0/16", 7, ""), to("10.1.0.0/16", "10.0.0.2"), false},
		{"first hop", entry("10.1.0.0/16", 7, "10.0.0.1", "10.0.0.2"), to("10.1.0.0/16", "10.0.0.1"), true},
		{"second hop", entry("10.1.0.0/16", 7, "10.0.0.1", "10.0.0.2"), to("10.1.0.0/16", "10.0.0.2"), true},
		{"no hop", entry("10.1.0.0/16", 7, "10.0.0.1", "10.0.0.2"), to("10.1.0.0/16", "10.0.0.3"), false},
		{"another device", entry("10.1.0.0/16", 8, "10.0.0.1"), to("10.1.0.0/16", "10.0.0.1"), false},
		{"host bits", entry("10.1.0.0/16", 7, "10.0.0.1"), to("10.1.2.3/16", ""), true},
		{"another destination", entry("10.2.0.0/16", 7, "10.0.0.1"), to("10.1.0.0/16", ""), false},
		{"another length", entry("10.1.0.0/17", 7, "10.0.0.1"), to("10.1.0.0/16", ""), false},
		{"defaults of two families", entry("::/0", 7, "fd00::1"), to("0.0.0.0/0", ""), false},

		{"every attribute", full, detailed(func(*types.Route) {}), true},
		{"another table", full, detailed(func(r *types.Route) { r.Table = ptr(101) }), false},
		{"no table named", full, detailed(func(r *types.Route) { r.Table = nil }), true},
		{"table 0, which is none", full, detailed(func(r *types.Route) { r.Table = ptr(0) }), true},
		{"another priority", full, detailed(func(r *types.Route) { r.Priority = 6 }), false},
		{"no priority named", full, detailed(func(r *types.Route) { r.Priority = 0 }), true},
		{"another scope", full, detailed(func(r *types.Route) { r.Scope = ptr(253) }), false},
		{"no scope named", full, detailed(func(r *types.Route) { r.Scope = nil }), true},
		{"a smaller mtu named", full, detailed(func(r *types.Route) { r.MTU = 1299 }), false},
		{"no mtu named", full, detailed(func(r *types.Route) { r.MTU = 0 }), true},
		{"a smaller advmss named", full, detailed(func(r *types.Route) { r.AdvMSS = 1199 }), false},
		{"no advmss named", full, detailed(func(r *types.Route) { r.AdvMSS = 0 }), true},
		{"multipath has the smallest mtu", multi, with(to("10.1.0.0/16", "10.0.0.1"), func(r *types.Route) { r.MTU = 1400 }), true},
		{"multipath with a larger mtu", multi, with(to("10.1.0.0/16", "10.0.0.1"), func(r *types.Route) { r.MTU = 1299 }), false},
		{"multipath without the advmss", multi, with(to("10.1.0.0/16", "10.0.0.1"), func(r *types.Route) { r.AdvMSS = 1200 }), false},
		{"IPv6 has no scopes", full6, with(to("fd01::/64", "fd00::1"), func(r *types.Route) { r.Scope = ptr(253) }), true},
		{"IPv6 default priority", full6, to("fd01::/64", "fd00::1"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			prev := &current.Result{IPs: []*current.IPConfig{{Interface: ptr(0), Address: cidr("10.0.0.5/24")}}, Routes: []*types.Route{tt.route}}
			d := compareRoutes(prev, 0, 7, []netdev.RouteEntry{tt.found})
			if got := len(d) == 0; got != tt.want {
				t.Errorf("route found\nwant %v\ngot  %v %q", tt.want, got, d)
			}
		})
	}
}

// The result does not say whose a route is.
func TestCompareRoutesBesideOtherInterfaces(t *testing.T) {
	prev := &current.Result{
		IPs:    []*current.IPConfig{{Interface: ptr(1), Address: cidr("10.0.0.5/24")}, {Interface: ptr(0), Address: cidr("192.0.2.5/24")}},
		Routes: []*types.Route{to("0.0.0.0/0", "")},
	}
	through8 := []netdev.RouteEntry{{Route: netdev.Route{Dst: cidr("0.0.0.0/0"), Table: tableMain, Hops: []netdev.Hop{{}}}, Devices: []int{8}}}
	if d := compareRoutes(prev, 1, 7, through8); len(d) != 0 {
		t.Errorf("route through another interface that has addresses\nwant no difference\ngot  %q", d)
	}
}

func TestCompareRoutesNamesTheRoute(t *testing.T) {
	r := to("10.1.0.0/16", "10.0.0.1")
	r.Table, r.Priority, r.MTU, r.AdvMSS = ptr(100), 5, 1300, 1200
	prev := &current.Result{Routes: []*types.Route{r}}
	want := []string{"missing route 10.1.0.0/16 via 10.0.0.1 table 100 priority 5 mtu 1300 advmss 1200"}
	if got := texts(compareRoutes(prev, 0, 0, nil)); !reflect.DeepEqual(got, want) {
		t.Errorf("differences\nwant %q\ngot  %q", want, got)
	}
}

// What ADD plans and the kernel takes, CHECK finds.
func TestCompareRoutesFindsWhatWasPlanned(t *testing.T) {
	ips := []*current.IPConfig{ipConfig("10.0.0.5/24", "10.0.0.1"), ipConfig("fd00::5/64", "fd00::1")}
	for _, ip := range ips {
		ip.Interface = ptr(0)
	}
	metrics := func(gateway string, mtu, advmss int) *types.Route {
		return with(to("10.9.0.0/16", gateway), func(r *types.Route) { r.MTU, r.AdvMSS = mtu, advmss })
	}
	tests := []struct {
		name   string
		routes []*types.Route
	}{
		{"default of both families", []*types.Route{to("0.0.0.0/0", ""), to("::/0", "")}},
		{"host bits", []*types.Route{to("10.1.2.3/16", "")}},
		{"multipath", []*types.Route{to("0.0.0.0/0", ""), to("0.0.0.0/0", "10.0.0.2"), to("::/0", "fe80::1"), to("::/0", "fe80::2")}},
		{"tables", []*types.Route{with(to("0.0.0.0/0", ""), func(r *types.Route) { r.Table = ptr(100) }), with(to("0.0.0.0/0", ""), func(r *types.Route) { r.Table = ptr(254) })}},
		{"scopes", []*types.Route{with(to("10.9.0.0/16", ""), func(r *types.Route) { r.Scope = ptr(253) }), with(to("fd09::/64", ""), func(r *types.Route) { r.Scope = ptr(253) })}},
		{"metrics", []*types.Route{with(to("10.9.0.0/16", ""), func(r *types.Route) { r.MTU, r.AdvMSS, r.Priority = 1300, 1200, 9 })}},
		{"outside gateway", []*types.Route{to("0.0.0.0/0", "169.254.1.1")}},
		{"smaller mtu of two that became one", []*types.Route{metrics("10.0.0.1", 1400, 0), metrics("10.0.0.2", 1300, 0)}},
		{"smaller advmss of two that became one", []*types.Route{metrics("10.0.0.1", 0, 1200), metrics("10.0.0.2", 0, 1300)}},
		{"metrics of one of two that became one", []*types.Route{metrics("10.0.0.1", 1400, 1200), metrics("10.0.0.2", 0, 0)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantPlanFound(t, ips, tt.routes)
		})
	}
}

func wantPlanFound(t *testing.T, ips []*current.IPConfig, routes []*types.Route) {
	t.Helper()
	toAdd, err := planRoutes(ips, routes)
	if err != nil {
		t.Fatalf("planRoutes\nwant no error\ngot  %v", err)
	}
	var seen []netdev.RouteEntry
	for _, route := range toAdd {
		seen = append(seen, asKernel(route))
	}
	if d := compareRoutes(&current.Result{IPs: ips, Routes: routes}, 0, 7, seen); len(d) != 0 {
		t.Errorf("differences\nwant none\ngot  %q in %q", d, planned(toAdd))
	}
}

// asKernel is a route as the kernel lists it after it was added through device 7.
func asKernel(r netdev.Route) netdev.RouteEntry {
	if r.Table == 0 {
		r.Table = tableMain
	}
	r.MTU, r.AdvMSS = min(r.MTU, 65520), min(r.AdvMSS, 65495) // net/ipv4/metrics.c, ip_metrics_convert
	e := netdev.RouteEntry{Route: r}
	for range r.Hops {
		e.Devices = append(e.Devices, 7)
	}
	return e
}

// Routes equal in all but a metric become one with one hop.
func TestCompareRoutesFindsEqualRoutesOfTwoMetrics(t *testing.T) {
	ips := []*current.IPConfig{ipConfig("10.0.0.5/24", "10.0.0.1")}
	ips[0].Interface = ptr(0)
	wantPlanFound(t, ips, []*types.Route{
		with(to("10.9.0.0/16", "10.0.0.1"), func(r *types.Route) { r.MTU = 1400 }),
		with(to("10.9.0.0/16", "10.0.0.1"), func(r *types.Route) { r.MTU = 1300 }),
	})
}

// The kernel lowers what no packet can have (Linux 6.12, net/ipv4/metrics.c,
// ip_metrics_convert).
func TestCompareRoutesFindsWhatTheKernelLowered(t *testing.T) {
	ips := []*current.IPConfig{ipConfig("10.0.0.5/24", "10.0.0.1")}
	ips[0].Interface = ptr(0)
	wantPlanFound(t, ips, []*types.Route{with(to("10.9.0.0/16", ""), func(r *types.Route) { r.MTU, r.AdvMSS = 65535, 65535 })})
}

// A list that nobody reads to its end would be repeated for each address that is missing.
func TestCompareAddressesClipsWhatItFound(t *testing.T) {
	prev := &current.Result{IPs: []*current.IPConfig{{Interface: ptr(0), Address: cidr("192.0.2.2/24")}}}
	var found []net.IPNet
	for i := range 25 {
		found = append(found, net.IPNet{IP: net.IPv4(10, 0, 0, byte(i)), Mask: net.CIDRMask(24, 32)})
	}
	d := compareAddresses(prev, 0, found)
	if len(d) != 1 || !strings.HasPrefix(d[0].String(), "address: expected 192.0.2.2/24, found [10.0.0.0/24 10.0.0.1/24") || !strings.HasSuffix(d[0].String(), "10.0.0.19/24 and more]") {
		t.Errorf("compareAddresses\nwant the first twenty\ngot  %q", d)
	}
}

func texts(list []plan.Difference) []string {
	var t []string
	for _, d := range list {
		t = append(t, d.String())
	}
	return t
}

// What another plugin of the chain may have changed without recording it is a mild difference,
// of which CHECK tells the operator on standard error.
func TestNoticeableChanges(t *testing.T) {
	tests := []struct {
		name         string
		asked, entry int // MTU of the configuration, and as the result recorded it
		found        int
		length       int // transmit queue length found, where 500 was asked for
		want         string
	}{
		{"nothing changed", 1400, 1400, 1400, 500, ""},
		{"MTU", 1400, 1400, 1300, 500, "MTU: expected 1400, found 1300"},
		{"MTU recorded by a later plugin", 1400, 1300, 1300, 500, ""},
		{"MTU of an old result", 1400, 0, 1300, 500, "MTU: expected 1400, found 1300"},
		{"MTU recorded, not asked for", 0, 1400, 1300, 500, "MTU: expected 1400, found 1300"},
		{"MTU neither asked for nor recorded", 0, 0, 1300, 500, ""},
		{"queue length", 1400, 1400, 1400, 1000, "txQueueLen: expected 500, found 1000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf, seen := intact()
			conf.Tap.MTU, conf.PrevResult.Interfaces[0].Mtu = tt.asked, tt.entry
			seen.link.MTU, seen.link.TxQueueLen = tt.found, tt.length
			d := seen.differences(t, conf)
			if tt.want == "" {
				if len(d) != 0 {
					t.Errorf("differences\nwant none\ngot  %q", texts(d))
				}
				return
			}
			if len(d) != 1 || !d[0].Tolerated || d[0].String() != tt.want {
				t.Errorf("differences\nwant a mild one: %s\ngot  %+v", tt.want, d)
			}
		})
	}
}
