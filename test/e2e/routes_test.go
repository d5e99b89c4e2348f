package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tap/test/harness"
)

// Routes of one destination become one multipath route, in either family: with
// the reference only the last IPv4 one was used.
func TestRoutesOfOneDestinationAreMultipath(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, fake(m{
		"ips": []any{m{"address": "192.0.2.2/24"}, m{"address": "2001:db8::2/64"}},
		"routes": []any{
			m{"dst": "198.51.0.0/16", "gw": "192.0.2.7"}, m{"dst": "198.51.0.0/16", "gw": "192.0.2.8"},
			m{"dst": "2001:db8:9::/48", "gw": "2001:db8::7"}, m{"dst": "2001:db8:9::/48", "gw": "2001:db8::8"},
		},
	}))
	added := host.Run("ADD", "net1", config).WantOK()
	host.Exec("sh", "-ec", "echo 1 >/proc/sys/net/ipv4/fib_multipath_hash_policy; echo 1 >/proc/sys/net/ipv6/fib_multipath_hash_policy")
	queue := host.OpenTap("net1", 0) // carrier, without which the kernel avoids the route
	_ = queue

	for _, family := range []struct{ format, a, b string }{
		{"198.51.100.%d", "192.0.2.7", "192.0.2.8"},
		{"2001:db8:9::%x", "2001:db8::7", "2001:db8::8"},
	} {
		used := map[string]int{}
		for i := 1; i <= 64; i++ {
			used[gateway(t, host, fmt.Sprintf(family.format, i))]++
		}
		if used[family.a] == 0 || used[family.b] == 0 || len(used) != 2 {
			t.Errorf("hops used: %v, want both %s and %s", used, family.a, family.b)
		}
	}
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
	host.Exec("sh", "-ec", "ip route replace 198.51.0.0/16 via 192.0.2.7")
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantError(codeCheck, "missing route 198.51.0.0/16 via 192.0.2.8")
}

func gateway(t *testing.T, host *harness.Host, to string) string {
	t.Helper()
	var routes []struct {
		Gateway string `json:"gateway"`
	}
	out := host.Exec("ip", "-json", "route", "get", to)
	if err := json.Unmarshal([]byte(out), &routes); err != nil || len(routes) != 1 {
		t.Fatalf("ip route get: %v: %s", err, out)
	}
	return routes[0].Gateway
}

// The /32 and /128 of Calico-like IPAM plugins: the gateway is on the link although no address says so.
func TestRoutesGatewayOutsideEveryAddress(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, fake(m{
		"ips": []any{
			m{"address": "192.0.2.2/32", "gateway": "169.254.1.1"},
			m{"address": "2001:db8::2/128", "gateway": "2001:db8:ffff::1"},
		},
		"routes": []any{m{"dst": "0.0.0.0/0"}, m{"dst": "::/0"}, m{"dst": "2001:db8:5::/48", "gw": "fe80::1"}},
	}))
	added := host.Run("ADD", "net1", config).WantOK()
	wantLines(t, host.Exec("ip", "route"), "default via 169.254.1.1 dev net1")
	wantLines(t, host.Exec("ip", "-6", "route"), "default via 2001:db8:ffff::1 dev net1", "2001:db8:5::/48 via fe80::1 dev net1")
	for _, line := range strings.Split(host.Exec("ip", "route")+host.Exec("ip", "-6", "route"), "\n") {
		if strings.HasPrefix(line, "default") && !strings.Contains(line, "onlink") {
			t.Errorf("not onlink: %s", line)
		}
	}
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
}

// Every attribute of a route of cniVersion 1.1.
func TestRoutesHaveAllAttributes(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, fake(m{"routes": []any{
		m{"dst": "198.51.100.0/24", "gw": "192.0.2.9", "mtu": 1300, "advmss": 1200, "priority": 50, "table": 1000},
		m{"dst": "203.0.113.0/24", "scope": 253},
		m{"dst": "10.0.0.0/8", "table": 77},
	}}))
	added := host.Run("ADD", "net1", config)
	if got := added.Result().Routes; len(got) != 3 || got[0].MTU != 1300 || got[0].Table == nil || *got[0].Table != 1000 {
		t.Errorf("result %+v", got)
	}
	wantLines(t, host.Exec("ip", "route", "show", "table", "1000"), "198.51.100.0/24 via 192.0.2.9 dev net1 metric 50 ")
	wantText(t, host.Exec("ip", "route", "show", "table", "1000"), "mtu 1300", "advmss 1200")
	wantLines(t, host.Exec("ip", "route", "show"), "203.0.113.0/24 dev net1 scope link")
	wantLines(t, host.Exec("ip", "route", "show", "table", "77"), "10.0.0.0/8 via 192.0.2.1 dev net1")
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
}

func wantText(t *testing.T, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(output, text) {
			t.Errorf("no %q in\n%s", text, output)
		}
	}
}

// A default route that another interface of the chain has stays.
func TestRoutesBesideAnotherInterface(t *testing.T) {
	host := harness.NewHost(t)
	host.Exec("sh", "-ec", "ip link add eth0 type veth peer name p; ip link set eth0 up; ip link set p up; ip addr add 203.0.113.2/24 dev eth0; ip route add default via 203.0.113.1")
	host.Run("ADD", "net1", conf(t, fake(m{"routes": []any{m{"dst": "0.0.0.0/0"}}}))).WantOK()
	wantLines(t, host.Exec("ip", "route"), "default via 192.0.2.1 dev net1", "default via 203.0.113.1 dev eth0")
	host.Run("DEL", "net1", conf(t, fake())).WantOK()
	wantLines(t, host.Exec("ip", "route"), "default via 203.0.113.1 dev eth0")
}

// With and without a gateway to one destination: the kernel takes no such
// multipath route of IPv6, but it takes two.
func TestRoutesWithAndWithoutGateway(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, fake(m{
		"ips": []any{m{"address": "192.0.2.2/24"}, m{"address": "2001:db8::2/64"}},
		"routes": []any{
			m{"dst": "2001:db8:5::/64", "gw": "2001:db8::9"}, m{"dst": "2001:db8:5::/64"},
			m{"dst": "198.51.100.0/24", "gw": "192.0.2.9"}, m{"dst": "198.51.100.0/24"},
		},
	}))
	added := host.Run("ADD", "net1", config).WantOK()
	wantText(t, host.Exec("ip", "-6", "route"), "via 2001:db8::9")
	wantLines(t, host.Exec("ip", "route"), "198.51.100.0/24", "nexthop via 192.0.2.9 dev net1", "nexthop dev net1")
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
}
