package feature

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/result"
)

// ADD plans routes from the answer of the IPAM plugin; CHECK looks for the routes that the result
// of ADD recorded. The two are separate comparisons. These tests tie them together: what ADD
// plans and the kernel takes, CHECK finds, and CHECK notices each planned route that is gone or
// leads elsewhere.

// tapIndex is the index of the tap in asKernel.
const tapIndex = 7

// answer is an answer of an IPAM plugin.
type answer struct {
	ips    []*current.IPConfig
	routes []*types.Route
}

func (a answer) String() string {
	text := ""
	for _, ip := range a.ips {
		text += fmt.Sprintf("address %s gateway %s\n", ip.Address.String(), ip.Gateway)
	}
	for _, r := range a.routes {
		text += fmt.Sprintf("route %s", routeText(r))
		if r.Scope != nil {
			text += fmt.Sprintf(" scope %d", *r.Scope)
		}
		text += "\n"
	}
	return text
}

// choices are the values of generated answers. They are few, so that routes of one answer
// often have the same destination.
var choices = struct {
	addresses, gateways, destinations []string
	tables, scopes                    []*int
	priorities, mtus, advMSS          []int
}{
	addresses:    []string{"10.0.0.5/24", "10.0.0.6/32", "192.0.2.7/28", "fd00::5/64", "2001:db8::5/128"},
	gateways:     []string{"", "", "0.0.0.0", "::", "10.0.0.1", "10.0.0.2", "192.0.2.1", "169.254.1.1", "fd00::1", "fe80::1", "2001:db8::1"},
	destinations: []string{"0.0.0.0/0", "10.1.0.0/16", "10.1.2.3/16", "10.1.0.0/17", "198.51.100.1/32", "::/0", "fd01::/64", "fd01::9/64", "2001:db8:1::/48"},
	tables:       []*int{nil, nil, ptr(0), ptr(254), ptr(100), ptr(1<<32 - 1)},
	scopes:       []*int{nil, nil, ptr(0), ptr(200), ptr(253), ptr(254)},
	priorities:   []int{0, 0, 5, 1024},
	mtus:         []int{0, 0, 1300, 1400, 65535},
	advMSS:       []int{0, 0, 1200, 1250, 65535},
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

// randomAnswer generates an answer with one address or more.
func randomAnswer(rng *rand.Rand) answer {
	var a answer
	for range 1 + rng.IntN(3) {
		a.ips = append(a.ips, ipConfig(pick(rng, choices.addresses), pick(rng, choices.gateways)))
	}
	for range rng.IntN(6) {
		a.routes = append(a.routes, with(to(pick(rng, choices.destinations), pick(rng, choices.gateways)), func(r *types.Route) {
			if rng.IntN(2) == 0 {
				return // most routes name nothing else
			}
			r.Table, r.Scope = pick(rng, choices.tables), pick(rng, choices.scopes)
			r.Priority, r.MTU, r.AdvMSS = pick(rng, choices.priorities), pick(rng, choices.mtus), pick(rng, choices.advMSS)
		}))
	}
	return a
}

// recordedIn returns the result that ADD prints for an answer, as CHECK reads it in prevResult, and the
// index of the tap in it.
func recordedIn(t *testing.T, version string, a answer) (*current.Result, int) {
	t.Helper()
	conf := &netconf.Config{CNIVersion: version, IfName: "net1", Netns: "/run/netns/pod", Tap: netconf.Tap{Name: "net1"}}
	tap := &netdev.Link{Index: tapIndex, Name: "net1", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1500}
	out, err := result.New(conf, result.Parts{Tap: tap, Assigned: &current.Result{IPs: a.ips, Routes: a.routes}})
	if err != nil {
		t.Fatalf("result of\n%s: %v", a, err)
	}
	if conf.PrevResult, err = netconf.DecodeResult(out, version); err != nil {
		t.Fatalf("result of\n%s: %v", a, err)
	}
	return conf.PrevResult, conf.PrevResultIndex("net1")
}

// inKernel returns the planned routes as the kernel lists them, in any order.
func inKernel(rng *rand.Rand, planned []netdev.Route) []netdev.RouteEntry {
	list := make([]netdev.RouteEntry, 0, len(planned))
	for _, r := range planned {
		list = append(list, asKernel(r))
	}
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func TestPlannedRoutesAreFoundAsRecorded(t *testing.T) {
	const cases = 10_000
	planned, routes := 0, 0
	for seed := range uint64(cases) {
		rng := rand.New(rand.NewPCG(seed, 0))
		a := randomAnswer(rng)
		toAdd, err := planRoutes(a.ips, a.routes)
		if err != nil {
			continue // ADD fails
		}
		planned, routes = planned+1, routes+len(toAdd)
		prev, ours := recordedIn(t, pick(rng, []string{"0.4.0", "1.0.0", "1.1.0"}), a)
		kernel := inKernel(rng, toAdd)
		if d := compareRoutes(prev, ours, tapIndex, kernel); len(d) != 0 {
			t.Fatalf("seed %d: CHECK after ADD of\n%swant no difference\ngot  %q in %v", seed, a, texts(d), kernel)
		}
	}
	if planned < cases/4 || routes < cases/2 {
		t.Errorf("generated answers\nwant a quarter that ADD accepts, with routes\ngot  %d of %d, with %d routes", planned, cases, routes)
	}
}

// A planned route is needed: if the kernel does not have it, CHECK names every recorded route
// that it stands for. (If two planned routes have one destination, a recorded one may fit both.)
func TestPlannedRouteThatIsGoneIsADifference(t *testing.T) {
	changes := []struct {
		name   string
		change func(list []netdev.RouteEntry, at int) []netdev.RouteEntry
	}{
		{"gone", func(list []netdev.RouteEntry, at int) []netdev.RouteEntry {
			return append(list[:at:at], list[at+1:]...)
		}},
		{"through another device", func(list []netdev.RouteEntry, at int) []netdev.RouteEntry {
			for i := range list[at].Devices {
				list[at].Devices[i] = tapIndex + 1
			}
			return list
		}},
		{"to another destination", func(list []netdev.RouteEntry, at int) []netdev.RouteEntry {
			list[at].Dst = cidr("203.0.113.0/24")
			return list
		}},
	}
	checked := 0
	for seed := range uint64(2_000) {
		a := randomAnswer(rand.New(rand.NewPCG(seed, 1)))
		toAdd, err := planRoutes(a.ips, a.routes)
		if err != nil {
			continue
		}
		recorded := map[string]int{} // number of recorded routes by destination
		for _, r := range a.routes {
			dst := destination(r)
			recorded[dst.String()]++
		}
		unique := map[string]int{}
		for _, r := range toAdd {
			unique[r.Dst.String()]++
		}
		for at, r := range toAdd {
			if unique[r.Dst.String()] > 1 {
				continue
			}
			for _, c := range changes {
				checked++
				prev, ours := recordedIn(t, "1.1.0", a)
				var kernel []netdev.RouteEntry
				for _, r := range toAdd {
					kernel = append(kernel, asKernel(r))
				}
				d := compareRoutes(prev, ours, tapIndex, c.change(kernel, at))
				if want := recorded[r.Dst.String()]; len(d) != want {
					t.Fatalf("seed %d: route %s %s, after ADD of\n%swant %d differences\ngot  %q", seed, r, c.name, a, want, texts(d))
				}
			}
		}
	}
	if checked < 2_000 {
		t.Errorf("checked routes\nwant 2000 or more\ngot  %d", checked)
	}
}

// CHECK notices a changed attribute that the recorded route names.
func TestRecordedAttributeThatChangedIsADifference(t *testing.T) {
	changes := []struct {
		name   string
		names  func(*types.Route) bool // whether a recorded route names the attribute
		change func(*netdev.RouteEntry)
	}{
		{"table", func(r *types.Route) bool { return r.Table != nil && *r.Table != 0 }, func(e *netdev.RouteEntry) { e.Table++ }},
		{"priority", func(r *types.Route) bool { return r.Priority != 0 }, func(e *netdev.RouteEntry) { e.Priority++ }},
		{"scope", func(r *types.Route) bool { return r.Scope != nil && !isIPv6(r.Dst.IP) }, func(e *netdev.RouteEntry) { e.Scope++ }},
		{"mtu", func(r *types.Route) bool { return r.MTU != 0 }, func(e *netdev.RouteEntry) { e.MTU = 0 }},
		{"larger mtu", func(r *types.Route) bool { return r.MTU != 0 }, func(e *netdev.RouteEntry) { e.MTU = 1 << 20 }},
		{"advmss", func(r *types.Route) bool { return r.AdvMSS != 0 }, func(e *netdev.RouteEntry) { e.AdvMSS = 0 }},
		{"gateway", func(r *types.Route) bool { return specified(r.GW) }, func(e *netdev.RouteEntry) {
			for i := range e.Hops {
				e.Hops[i].Gateway = net.ParseIP("203.0.113.1")
			}
		}},
	}
	checked := map[string]int{}
	for seed := range uint64(2_000) {
		a := randomAnswer(rand.New(rand.NewPCG(seed, 2)))
		a.routes = a.routes[:min(1, len(a.routes))]
		toAdd, err := planRoutes(a.ips, a.routes)
		if err != nil || len(toAdd) != 1 {
			continue
		}
		for _, c := range changes {
			entry := asKernel(toAdd[0])
			c.change(&entry)
			prev, ours := recordedIn(t, "1.1.0", a)
			want := c.names(a.routes[0])
			if want {
				checked[c.name]++
			}
			if d := compareRoutes(prev, ours, tapIndex, []netdev.RouteEntry{entry}); (len(d) == 1) != want {
				t.Fatalf("seed %d: %s changed after ADD of\n%swant a difference: %v\ngot  %q", seed, c.name, a, want, texts(d))
			}
		}
	}
	for _, c := range changes {
		if checked[c.name] < 50 {
			t.Errorf("routes that name %s\nwant 50 or more\ngot  %d", c.name, checked[c.name])
		}
	}
}

// What ADD assigned, CHECK finds on the tap: addresses, and the tap's entry of the result.
func TestPlannedAddressesAreFoundAsRecorded(t *testing.T) {
	for seed := range uint64(1_000) {
		a := randomAnswer(rand.New(rand.NewPCG(seed, 3)))
		if checkAddresses(a.ips) != nil {
			continue
		}
		prev, ours := recordedIn(t, "1.1.0", a)
		var found []net.IPNet
		for _, ip := range a.ips {
			found = append(found, ip.Address)
		}
		if d := compareAddresses(prev, ours, found); len(d) != 0 {
			t.Fatalf("seed %d: CHECK after ADD of\n%swant no difference\ngot  %q", seed, a, texts(d))
		}
		last := found[len(found)-1]
		var without []net.IPNet
		for _, n := range found {
			if !sameNet(n, last) {
				without = append(without, n)
			}
		}
		if d := compareAddresses(prev, ours, without); len(d) != len(found)-len(without) || d[0].Expected != last.String() {
			t.Fatalf("seed %d: address %s gone, after ADD of\n%swant it named\ngot  %q", seed, last.String(), a, texts(d))
		}
	}
}
