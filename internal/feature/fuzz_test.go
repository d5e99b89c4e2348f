package feature

import (
	"encoding/json"
	"net"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
	"tap/internal/result"
)

// prevResult and the answer of the IPAM plugin come from other programs. Whatever they contain,
// CHECK, DEL and ADD do not panic, and the result of ADD can be decoded.
func FuzzPrevResult(f *testing.F) {
	for _, prev := range []string{
		`{}`, `null`, `5`, `[]`, `{"interfaces": [null]}`, `{"ips": [null]}`, `{"routes": [null]}`, `{"interfaces": null, "ips": null, "routes": null}`,
		`{"interfaces": [{}]}`, `{"interfaces": [{"name": "net1", "sandbox": "/run/netns/pod"}]}`,
		`{"interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "mtu": -1, "sandbox": "/run/netns/pod"}, {"name": "net1", "mac": "x", "sandbox": "/run/netns/pod"}]}`,
		`{"interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"}],
			"ips": [{"address": "192.0.2.2/24", "interface": 0}, {"address": "::ffff:192.0.2.2/64", "interface": 99}, {"address": "::/0", "interface": -9223372036854775808}],
			"routes": [{"dst": "::ffff:10.0.0.0/90", "gw": "::"}, {"dst": "0.0.0.0/0", "gw": "2001:db8::1", "scope": -1, "table": -1, "priority": -1, "mtu": -1, "advmss": -1}]}`,
		`{"interfaces": [{"name": "tap-net1", "sandbox": "/run/netns/pod"}, {"name": "tap-net1", "mac": "x", "mtu": -1, "sandbox": "0123"}, {"name": "tap-net1", "mac": "02:00:00:00:00:02", "sandbox": "0123"}]}`,
		`{"cniVersion": "0.2.0", "ip4": {"ip": "192.0.2.2/24", "routes": [{"dst": "0.0.0.0/0"}]}, "ip6": {"ip": "2001:db8::2/200"}}`,
		`{"cniVersion": "0.4.0", "ips": [{"version": "6", "address": "192.0.2.2/24", "gateway": "fe80::1"}], "dns": {"nameservers": [null]}}`,
		`{"cniVersion": "9.9.9"}`, `{"CNIVERSION": "1.1.0", "Interfaces": [{"NAME": "net1"}], "interfaces": [null]}`,
	} {
		f.Add([]byte(prev), "1.1.0")
		f.Add([]byte(prev), "0.4.0")
	}
	f.Fuzz(func(t *testing.T, prev []byte, version string) {
		for _, keys := range []map[string]any{
			{"ipam": map[string]string{"type": "x"}},
			{"redirect": true, "bandwidth": map[string]int{"ingressRate": 8000, "ingressBurst": 640000}},
		} {
			keys["cniVersion"], keys["name"], keys["type"], keys["prevResult"] = version, "vms", "tap", json.RawMessage(prev)
			stdin, err := json.Marshal(keys)
			if err != nil {
				return // not JSON, which the fuzzing of netconf covers
			}
			fuzzVerbs(t, &netconf.Args{ContainerID: "0123", Netns: "/run/netns/pod", IfName: "net1", StdinData: stdin})
		}
	})
}

// fuzzVerbs runs what DEL, CHECK and ADD do with prevResult outside of the kernel.
func fuzzVerbs(t *testing.T, call *netconf.Args) {
	t.Helper()
	if del, err := netconf.ParseDel(call); err == nil {
		match := MatchAttachment(del)
		match.Tap(existing)
		match.Tap(&netdev.Link{Name: "net1", Kind: "tun", Tun: &netdev.Tun{Tap: true}}) // of the reference plugin: prevResult decides
	}
	conf, err := netconf.Parse(call)
	if err != nil || conf.PrevResult == nil {
		return // CHECK refuses it
	}
	if at := conf.PrevResultIndex(conf.Tap.Name); at >= len(conf.PrevResult.Interfaces) {
		t.Errorf("PrevResultIndex\nwant an index below %d\ngot  %d", len(conf.PrevResult.Interfaces), at)
	}
	for _, seen := range observations() {
		a := newAttachment(conf, nil, All())
		if err := a.run(planStep); err != nil {
			t.Fatalf("plan\nwant no error\ngot  %v", err)
		}
		layer3 := newExpectedLayer3(conf.PrevResult, 0, 7)
		layer3.seeAddress(cidr("192.0.2.2/24"))
		layer3.seeAddress(cidr("2001:db8::2/64"))
		for _, route := range routesOfTheKernel() {
			layer3.seeRoute(route)
		}
		a.compare(seen, layer3)
	}
	if _, err := planRoutes(conf.PrevResult.IPs, conf.PrevResult.Routes); err == nil && checkAddresses(conf.PrevResult.IPs) == nil {
		wantReadable(t, conf)
	}
}

// wantReadable uses prevResult as the answer of the IPAM plugin as well, and decodes the result.
func wantReadable(t *testing.T, conf *netconf.Config) {
	t.Helper()
	parts, added := result.Parts{Tap: existing, Assigned: conf.PrevResult}, 1
	if conf.Tap.Redirect {
		parts.Interface, added = existing, 2 // the guest's as well
	}
	out, err := result.New(conf, parts)
	if err != nil {
		return // the version cannot express it
	}
	again, err := netconf.DecodeResult(out, conf.CNIVersion)
	if err != nil {
		t.Fatalf("the result cannot be read: %v\n%s", err, out)
	}
	if want := 2*len(conf.PrevResult.Interfaces) + added; len(again.Interfaces) > want {
		t.Errorf("interfaces\nwant at most %d\ngot  %d", want, len(again.Interfaces))
	}
}

// existing is a tap as the kernel has it.
var existing = &netdev.Link{
	Index: 7, Name: "net1", Alias: "tap/vms/0123/net1", Kind: "tun", Up: true, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1500,
	Tun: &netdev.Tun{Tap: true, Persistent: true},
}

// observations returns what CHECK may see.
func observations() []*plan.Observed {
	tap := &plan.State{Link: existing}
	iface := &plan.State{Link: &netdev.Link{Index: 3, Name: "net1", Kind: "veth", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}}}
	return []*plan.Observed{
		{},
		{Namesake: existing},
		{Devices: map[plan.Role]*plan.State{plan.Tap: tap}},
		{Devices: map[plan.Role]*plan.State{plan.Tap: tap, plan.Interface: iface}},
	}
}

// routesOfTheKernel are routes that CHECK may see.
func routesOfTheKernel() []netdev.RouteEntry {
	return []netdev.RouteEntry{
		{Route: netdev.Route{Dst: cidr("0.0.0.0/0"), Table: tableMain, Hops: []netdev.Hop{{}}}, Devices: []int{7}},
		{Route: netdev.Route{Dst: cidr("10.0.0.0/8"), Table: tableMain, Hops: []netdev.Hop{{Gateway: net.IPv4(192, 0, 2, 1)}, {}}}, Devices: []int{7, 8}},
		{Route: netdev.Route{Dst: cidr("::/0"), Hops: nil}},
	}
}
