package e2e

import (
	"fmt"
	"strings"
	"testing"
)

const (
	macOne = "02:00:00:00:00:0a"
	macTwo = "02:00:00:00:00:0b"
)

// capable declares capabilities, for which libcni hands on the runtime's arguments.
func capable(names ...string) m {
	list := m{}
	for _, name := range names {
		list[name] = true
	}
	return m{"capabilities": list}
}

// macArgs is CNI_ARGS as Kubernetes runtimes set it.
func macArgs(mac string) [][2]string {
	return [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAME", "pod"}, {"MAC", mac}}
}

// wantMACs compares the addresses of devices: whether they are, or are not, what is given.
func (c *chain) wantMACs(is, isNot map[string]string) {
	c.t.Helper()
	for name, mac := range is {
		if got := c.host.MustDevice(name).MAC; got != mac {
			c.t.Errorf("MAC of %s: %s, want %s", name, got, mac)
		}
	}
	for name, mac := range isNot {
		if got := c.host.MustDevice(name).MAC; got == mac {
			c.t.Errorf("MAC of %s: %s, which is another's", name, got)
		}
	}
}

// CNI_ARGS and args.cni speak of the interface that CNI_IFNAME names, the capability
// of the plugin that declares it.
func TestCapabilityMACInAChain(t *testing.T) {
	args := m{"args": m{"cni": m{"mac": macOne}}}
	for _, c := range []struct {
		name       string
		plugins    []m
		cniArgs    string // MAC of CNI_ARGS
		capability string // MAC of the capability
		is, isNot  map[string]string
	}{
		{"CNI_ARGS, bridge first", []m{bridgePlugin(), tapPlugin(tapNamed("tap0"))}, macOne, "",
			map[string]string{"eth0": macOne}, map[string]string{"tap0": macOne}},
		{"CNI_ARGS, tap first", []m{tapPlugin(), tapPlugin(tapNamed("tap0"))}, macOne, "",
			map[string]string{"eth0": macOne}, map[string]string{"tap0": macOne}},
		{"CNI_ARGS beside the key", []m{tapPlugin(), tapPlugin(tapNamed("tap0"), m{"mac": macTwo})}, macOne, "",
			map[string]string{"eth0": macOne, "tap0": macTwo}, nil},
		{"args.cni", []m{tapPlugin(args), tapPlugin(tapNamed("tap0"), args)}, "", "",
			map[string]string{"eth0": macOne}, map[string]string{"tap0": macOne}},
		{"capability of the second", []m{bridgePlugin(), tapPlugin(tapNamed("tap0"), capable("mac"))}, "", macTwo,
			map[string]string{"tap0": macTwo}, map[string]string{"eth0": macTwo}},
		{"capability of the first", []m{tapPlugin(capable("mac")), tapPlugin(tapNamed("tap0"))}, "", macTwo,
			map[string]string{"eth0": macTwo}, map[string]string{"tap0": macTwo}},
		{"CNI_ARGS beside the capability", []m{bridgePlugin(), tapPlugin(tapNamed("tap0"), capable("mac"))}, macOne, macTwo,
			map[string]string{"eth0": macOne, "tap0": macTwo}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			chain := newChain(t, "1.1.0", c.plugins...)
			if c.cniArgs != "" {
				chain.args.Args = macArgs(c.cniArgs)
			}
			if c.capability != "" {
				chain.args.CapabilityArgs = m{"mac": c.capability}
			}
			result := chain.add()
			chain.wantOurs(result, len(result.Interfaces)-1, "tap0")
			chain.wantMACs(c.is, c.isNot)
			chain.wantChecked()
			chain.del()
		})
	}
}

// The IPAM plugin of the one that declares the capability gets the addresses.
func TestCapabilityIPs(t *testing.T) {
	static := m{"ipam": m{"type": "static", "routes": []any{m{"dst": "198.51.100.0/24", "gw": "10.1.0.1"}}}}
	addresses := []string{"10.1.0.77/24", "2001:db8::77/64"}
	for _, c := range []struct {
		name    string
		plugins []m
	}{
		{"host-local", []m{tapPlugin(hostLocal(), capable("ips"))}},
		{"static", []m{tapPlugin(static, capable("ips"))}},
		{"host-local behind bridge", []m{bridgePlugin(), tapPlugin(tapNamed("tap0"), hostLocal(), capable("ips"))}},
		{"static behind bridge", []m{bridgePlugin(), tapPlugin(tapNamed("tap0"), static, capable("ips"))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inEveryVersion(t, func(t *testing.T, version string) {
				chain := newChain(t, version, c.plugins...)
				chain.args.CapabilityArgs = m{"ips": addresses}
				result := chain.add()
				name := "eth0"
				if len(c.plugins) > 1 {
					name = "tap0"
				}
				chain.wantOurs(result, len(result.Interfaces)-1, name)
				if got := chain.host.MustDevice(name).Global(); fmt.Sprint(got) != fmt.Sprint(addresses) {
					t.Errorf("addresses %v, want %v", got, addresses)
				}
				chain.wantChecked("tap")
				chain.del()
			})
		})
	}
}

// Only the plugin that declares it limits, the reference's the veth and ours the tap.
func TestCapabilityBandwidth(t *testing.T) {
	for _, c := range []struct {
		name      string
		plugins   []m
		tap       string
		index     int  // of the tap in the result
		pod, node bool // where something is limited
	}{
		{"tap", []m{tapPlugin(capable("bandwidth"))}, "eth0", 0, true, false},
		{"tap behind bridge", []m{bridgePlugin(), tapPlugin(tapNamed("tap0"), capable("bandwidth"))}, "tap0", 3, true, false},
		{"bandwidth", []m{bridgePlugin(), tapPlugin(tapNamed("tap0")), {"type": "bandwidth", "capabilities": m{"bandwidth": true}}}, "tap0", 3, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inEveryVersion(t, func(t *testing.T, version string) {
				chain := newChain(t, version, c.plugins...)
				chain.args.CapabilityArgs = m{"bandwidth": withLimits(m{})}
				chain.wantOurs(chain.add(), c.index, c.tap)
				limits := map[bool]bool{}
				for _, line := range strings.Split(chain.host.Exec("tc", "qdisc"), "\n") {
					limits[strings.Contains(line, "qdisc tbf") && strings.Contains(line, "dev "+c.tap+" ")] = true
				}
				if limits[true] != c.pod {
					t.Errorf("the tap is limited: %v, want %v", limits[true], c.pod)
				}
				node, err := chain.host.Node.Output("tc", "qdisc")
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Contains(node, "qdisc tbf"); got != c.node {
					t.Errorf("something is limited on the node: %v, want %v", got, c.node)
				}
				chain.wantChecked()
				chain.del()
			})
		})
	}
}
