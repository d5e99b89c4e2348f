package result

import (
	"encoding/json"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// made is the device as the kernel made it.
var made = &netdev.Link{Name: "net1", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1400}

// resultOf returns what ADD would print, decoded.
func resultOf(t *testing.T, conf *netconf.Config, assigned *current.Result) map[string]any {
	t.Helper()
	conf.IfName, conf.Netns = "net1", "/run/netns/pod"
	if conf.CNIVersion == "" {
		conf.CNIVersion = "1.1.0"
	}
	out, err := New(conf, Parts{Tap: made, Assigned: assigned})
	if err != nil {
		t.Fatalf("New\nwant no error\ngot  %v", err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("New returned %s: %v", out, err)
	}
	return got
}

// wantJSON compares a part of a decoded result with JSON as a person writes it; "" means absent.
func wantJSON(t *testing.T, what string, got any, want string) {
	t.Helper()
	var decoded any
	if want != "" {
		if err := json.Unmarshal([]byte(want), &decoded); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(got, decoded) {
		t.Errorf("%s\nwant %v\ngot  %v", what, decoded, got)
	}
}

func TestNewResultOfEveryVersion(t *testing.T) {
	assigned := &current.Result{
		IPs:    []*current.IPConfig{ipConfig("10.0.0.5/24", "10.0.0.1"), ipConfig("fd00::5/64", "")},
		Routes: []*types.Route{with(to("0.0.0.0/0", ""), func(r *types.Route) { r.MTU, r.Table = 1300, ptr(100) }), to("::/0", "fd00::1")},
		DNS:    types.DNS{Nameservers: []string{"10.0.0.53"}},
	}
	const (
		ips02 = `, "dns": {"nameservers": ["10.0.0.53"]},
			"ip4": {"ip": "10.0.0.5/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
			"ip6": {"ip": "fd00::5/64", "routes": [{"dst": "::/0", "gw": "fd00::1"}]}}`
		ips03 = `, "dns": {"nameservers": ["10.0.0.53"]},
			"interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"}],
			"ips": [{"version": "4", "interface": 0, "address": "10.0.0.5/24", "gateway": "10.0.0.1"}, {"version": "6", "interface": 0, "address": "fd00::5/64"}],
			"routes": [{"dst": "0.0.0.0/0", "mtu": 1300, "table": 100}, {"dst": "::/0", "gw": "fd00::1"}]}`
		ips10 = `, "dns": {"nameservers": ["10.0.0.53"]},
			"interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"}],
			"ips": [{"interface": 0, "address": "10.0.0.5/24", "gateway": "10.0.0.1"}, {"interface": 0, "address": "fd00::5/64"}],
			"routes": [{"dst": "0.0.0.0/0", "mtu": 1300, "table": 100}, {"dst": "::/0", "gw": "fd00::1"}]}`
	)
	tests := []struct{ version, rest string }{
		{"0.1.0", ips02},
		{"0.2.0", ips02},
		{"0.3.0", ips03},
		{"0.3.1", ips03},
		{"0.4.0", ips03},
		{"1.0.0", ips10},
		{"1.1.0", strings.Replace(ips10, `"mac"`, `"mtu": 1400, "mac"`, 1)},
	}
	for _, tt := range tests {
		t.Run(tt.version, func(t *testing.T) {
			got := resultOf(t, &netconf.Config{CNIVersion: tt.version}, assigned)
			wantJSON(t, "result", any(got), `{"cniVersion": "`+tt.version+`"`+tt.rest)
		})
	}
}

func TestNewResultWithoutIPAM(t *testing.T) {
	for _, version := range []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		t.Run(version, func(t *testing.T) {
			got := resultOf(t, &netconf.Config{CNIVersion: version}, nil)
			if list, _ := got["interfaces"].([]any); len(list) != 1 {
				t.Errorf("interfaces\nwant one\ngot  %v", got["interfaces"])
			}
			wantJSON(t, "ips", got["ips"], "")
		})
	}
}

func TestNewResultUnknownVersionIsAnError(t *testing.T) {
	if _, err := New(&netconf.Config{CNIVersion: "9.9.9"}, Parts{Tap: made}); err == nil {
		t.Error("New of version 9.9.9\nwant an error\ngot  none")
	}
}

func TestNewResultKeepsPrevResult(t *testing.T) {
	prev := &current.Result{
		CNIVersion: "1.1.0",
		Interfaces: []*current.Interface{
			{Name: "veth0", Mac: "02:00:00:00:00:08"},
			{Name: "eth0", Mac: "02:00:00:00:00:09", Mtu: 1500, Sandbox: "/run/netns/pod", SocketPath: "/run/vhost", PciID: "0000:00:1f.6"},
		},
		IPs: []*current.IPConfig{
			{Interface: ptr(1), Address: cidr("192.0.2.5/24"), Gateway: net.ParseIP("192.0.2.1")},
			{Address: cidr("192.0.2.6/24")}, // without index, as Cilium does
		},
		Routes: []*types.Route{to("198.51.100.0/24", "192.0.2.1")},
	}
	before, err := json.Marshal(prev)
	if err != nil {
		t.Fatal(err)
	}
	assigned := &current.Result{
		IPs:    []*current.IPConfig{{Interface: ptr(0), Address: cidr("10.0.0.5/24")}, ipConfig("10.0.0.6/24", "")},
		Routes: []*types.Route{to("0.0.0.0/0", "")},
	}

	got := resultOf(t, &netconf.Config{PrevResult: prev}, assigned)

	wantJSON(t, "interfaces", got["interfaces"], `[
		{"name": "veth0", "mac": "02:00:00:00:00:08"},
		{"name": "eth0", "mac": "02:00:00:00:00:09", "mtu": 1500, "sandbox": "/run/netns/pod", "socketPath": "/run/vhost", "pciID": "0000:00:1f.6"},
		{"name": "net1", "mac": "02:00:00:00:00:01", "mtu": 1400, "sandbox": "/run/netns/pod"}]`)
	wantJSON(t, "ips", got["ips"], `[
		{"interface": 1, "address": "192.0.2.5/24", "gateway": "192.0.2.1"},
		{"address": "192.0.2.6/24"},
		{"interface": 2, "address": "10.0.0.5/24"},
		{"interface": 2, "address": "10.0.0.6/24"}]`)
	wantJSON(t, "routes", got["routes"], `[{"dst": "198.51.100.0/24", "gw": "192.0.2.1"}, {"dst": "0.0.0.0/0"}]`)

	after, err := json.Marshal(prev)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != string(before) {
		t.Errorf("prevResult afterwards\nwant %s\ngot  %s", before, after)
	}
	if index := assigned.IPs[1].Interface; index != nil {
		t.Errorf("what IPAM returned, afterwards\nwant no index\ngot  %d", *index)
	}
}

// The guest's interface, for which the addresses of the pod's interface are.
func TestNewResultOfRedirect(t *testing.T) {
	prev := &current.Result{
		Interfaces: []*current.Interface{
			{Name: "eth0", Mac: "02:00:00:00:00:07"}, // the host's end
			{Name: "eth0", Mac: "02:00:00:00:00:09", Sandbox: "/run/netns/pod"},
			{Name: "eth1", Mac: "02:00:00:00:00:0a", Sandbox: "/run/netns/pod"},
		},
		IPs: []*current.IPConfig{
			{Interface: ptr(0), Address: cidr("192.0.2.4/24")},
			{Interface: ptr(1), Address: cidr("192.0.2.5/24"), Gateway: net.ParseIP("192.0.2.1")},
			{Interface: ptr(2), Address: cidr("192.0.2.6/24")},
			{Address: cidr("fd00::5/64")}, // without index, as Cilium does
			{Interface: ptr(-1), Address: cidr("192.0.2.7/24")},
		},
	}
	conf := &netconf.Config{CNIVersion: "1.1.0", ContainerID: "0123", IfName: "eth0", Netns: "/run/netns/pod", PrevResult: prev}
	over := &netdev.Link{Name: "eth0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}, MTU: 9000}
	out, err := New(conf, Parts{Tap: made, Interface: over})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	wantJSON(t, "interfaces", got["interfaces"].([]any)[3:], `[
		{"name": "net1", "mac": "02:00:00:00:00:01", "mtu": 1400, "sandbox": "/run/netns/pod"},
		{"name": "net1", "mac": "02:00:00:00:00:09", "mtu": 9000, "sandbox": "0123"}]`)
	wantJSON(t, "ips, the guest's", got["ips"].([]any)[len(prev.IPs):], `[
		{"interface": 4, "address": "192.0.2.5/24", "gateway": "192.0.2.1"},
		{"interface": 4, "address": "fd00::5/64"}]`)
}

// The egress device is an interface of its own, behind the tap. The addresses stay the tap's.
func TestNewResultOfEgressDevice(t *testing.T) {
	conf := &netconf.Config{CNIVersion: "1.1.0", IfName: "net1", Netns: "/run/netns/pod"}
	egress := &netdev.Link{Name: "ifbmaulqli69gq2", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, MTU: 1500}
	assigned := &current.Result{IPs: []*current.IPConfig{ipConfig("10.0.0.5/24", "")}}
	out, err := New(conf, Parts{Tap: made, Egress: egress, Assigned: assigned})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	wantJSON(t, "interfaces", got["interfaces"], `[
		{"name": "net1", "mac": "02:00:00:00:00:01", "mtu": 1400, "sandbox": "/run/netns/pod"},
		{"name": "ifbmaulqli69gq2", "mac": "02:00:00:00:00:02", "mtu": 1500, "sandbox": "/run/netns/pod"}]`)
	wantJSON(t, "ips", got["ips"], `[{"interface": 0, "address": "10.0.0.5/24"}]`)
	if !strings.HasSuffix(string(out), "}\n") {
		t.Errorf("end of the result\nwant a newline\ngot  %q", out[max(0, len(out)-5):])
	}
}

func TestNewResultDNS(t *testing.T) {
	dns := func(server string) types.DNS {
		if server == "" {
			return types.DNS{}
		}
		return types.DNS{Nameservers: []string{server}}
	}
	tests := []struct{ name, conf, assigned, prev, want string }{
		{"none", "", "", "", ""},
		{"configuration first", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1"},
		{"then IPAM", "", "10.0.0.2", "10.0.0.3", "10.0.0.2"},
		{"then prevResult", "", "", "10.0.0.3", "10.0.0.3"},
		{"configuration alone", "10.0.0.1", "", "", "10.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := resultOf(t, &netconf.Config{DNS: dns(tt.conf), PrevResult: &current.Result{DNS: dns(tt.prev)}}, &current.Result{DNS: dns(tt.assigned)})
			want := ""
			if tt.want != "" {
				want = `{"nameservers": ["` + tt.want + `"]}`
			}
			wantJSON(t, "dns", got["dns"], want)
		})
	}
}

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
