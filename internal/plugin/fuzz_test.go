package plugin

import (
	"encoding/json"
	"net"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// prevResult and what IPAM returns come from elsewhere. Whatever they say, CHECK, DEL
// and ADD answer: they do not panic, and the result is one that runtimes can read.
func FuzzPrevResult(f *testing.F) {
	for _, prev := range []string{
		`{}`, `null`, `5`, `[]`, `{"interfaces": [null]}`, `{"ips": [null]}`, `{"routes": [null]}`, `{"interfaces": null, "ips": null, "routes": null}`,
		`{"interfaces": [{}]}`, `{"interfaces": [{"name": "net1", "sandbox": "/run/netns/pod"}]}`,
		`{"interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "mtu": -1, "sandbox": "/run/netns/pod"}, {"name": "net1", "mac": "x", "sandbox": "/run/netns/pod"}]}`,
		`{"interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"}],
			"ips": [{"address": "192.0.2.2/24", "interface": 0}, {"address": "::ffff:192.0.2.2/64", "interface": 99}, {"address": "::/0", "interface": -9223372036854775808}],
			"routes": [{"dst": "::ffff:10.0.0.0/90", "gw": "::"}, {"dst": "0.0.0.0/0", "gw": "2001:db8::1", "scope": -1, "table": -1, "priority": -1, "mtu": -1, "advmss": -1}]}`,
		`{"cniVersion": "0.2.0", "ip4": {"ip": "192.0.2.2/24", "routes": [{"dst": "0.0.0.0/0"}]}, "ip6": {"ip": "2001:db8::2/200"}}`,
		`{"cniVersion": "0.4.0", "ips": [{"version": "6", "address": "192.0.2.2/24", "gateway": "fe80::1"}], "dns": {"nameservers": [null]}}`,
		`{"cniVersion": "9.9.9"}`, `{"CNIVERSION": "1.1.0", "Interfaces": [{"NAME": "net1"}], "interfaces": [null]}`,
	} {
		f.Add([]byte(prev), "1.1.0")
		f.Add([]byte(prev), "0.4.0")
	}
	f.Fuzz(func(t *testing.T, prev []byte, version string) {
		stdin, err := json.Marshal(map[string]any{"cniVersion": version, "name": "vms", "type": "tap", "ipam": map[string]string{"type": "x"}, "prevResult": json.RawMessage(prev)})
		if err != nil {
			return // not JSON, which netconf's own fuzzing is about
		}
		call := &netconf.Args{ContainerID: "0123", Netns: "/run/netns/pod", IfName: "net1", StdinData: stdin}
		if del, err := netconf.ParseDel(call); err == nil {
			isOurs(del, existing)
			isOurs(del, &netdev.Link{Name: "net1", Kind: "tun", Tun: &netdev.Tun{Tap: true}}) // of the reference plugin: prevResult decides
		}
		conf, err := netconf.Parse(call)
		if err != nil {
			return
		}
		if conf.PrevResult == nil {
			return // CHECK refuses it
		}
		if at := ownInterface(conf); at >= len(conf.PrevResult.Interfaces) {
			t.Errorf("ownInterface\nwant an index below %d\ngot  %d", len(conf.PrevResult.Interfaces), at)
		}
		for _, seen := range observations {
			compare(conf, seen)
		}
		if _, err := planRoutes(conf.PrevResult.IPs, conf.PrevResult.Routes); err == nil && checkAddresses(conf.PrevResult.IPs) == nil {
			wantReadable(t, conf)
		}
	})
}

// wantReadable makes of prevResult what an IPAM plugin returned as well, and decodes the result.
func wantReadable(t *testing.T, conf *netconf.Config) {
	t.Helper()
	out, err := newResult(conf, existing, nil, nil, conf.PrevResult)
	if err != nil {
		return // what the version cannot express
	}
	again, err := netconf.DecodeResult(out, conf.CNIVersion)
	if err != nil {
		t.Fatalf("the result cannot be read: %v\n%s", err, out)
	}
	if want := 2*len(conf.PrevResult.Interfaces) + 1; len(again.Interfaces) > want {
		t.Errorf("interfaces\nwant at most %d\ngot  %d", want, len(again.Interfaces))
	}
}

var (
	existing = &netdev.Link{
		Index: 7, Name: "net1", Alias: "tap/vms/0123/net1", Kind: "tun", Up: true, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1500,
		Tun: &netdev.Tun{Tap: true, Persistent: true},
	}
	observations = []observation{
		{},
		{namesake: existing},
		{link: existing},
		{
			link: existing, addresses: []net.IPNet{cidr("192.0.2.2/24"), cidr("2001:db8::2/64")},
			routes: []netdev.RouteEntry{
				{Route: netdev.Route{Dst: cidr("0.0.0.0/0"), Table: tableMain, Hops: []netdev.Hop{{}}}, Devices: []int{7}},
				{Route: netdev.Route{Dst: cidr("10.0.0.0/8"), Table: tableMain, Hops: []netdev.Hop{{Gateway: net.IPv4(192, 0, 2, 1)}, {}}}, Devices: []int{7, 8}},
				{Route: netdev.Route{Dst: cidr("::/0"), Hops: nil}},
			},
		},
	}
)
