package e2e

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"tap/test/harness"
)

// Behind a plugin that makes a veth: all that it said stays, and works.
func TestChainAppendsTheTap(t *testing.T) {
	ptp := maps.Clone(bridgePlugin())
	ptp["type"] = "ptp"
	for _, c := range []struct {
		name  string
		first m
		tap   m
	}{
		{"bridge, layer 2", bridgePlugin(), tapPlugin(tapNamed("tap0"), owned())},
		{"bridge, layer 3", bridgePlugin(), tapPlugin(tapNamed("tap0"), withRoutes())},
		{"ptp, layer 2", ptp, tapPlugin(tapNamed("tap0"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inEveryVersion(t, func(t *testing.T, version string) {
				chain := newChain(t, version, c.first, c.tap)
				result := chain.add()
				chain.wantOurs(result, len(result.Interfaces)-1, "tap0")
				chain.wantPing()
				if c.tap["ipam"] == nil {
					chain.wantChecked()
				} else {
					chain.wantChecked("tap")
					chain.wantTheirCheck("Failed to match addr 10.1.0.2/24 on interface eth0")
				}
				chain.del()
			})
		})
	}
}

func TestChainWithoutTapNameIsRefused(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		chain := newChain(t, version, bridgePlugin(), tapPlugin(withRoutes()))
		chain.wantRefused(codeNameTaken, "tapName")
		if kind := chain.host.MustDevice("eth0").Details.Kind; kind != "veth" {
			t.Errorf("eth0 is a %s", kind)
		}
		chain.wantPing()
		chain.del()
	})
}

func TestChainTapNameOfTheFirstPluginIsRefused(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		chain := newChain(t, version, tapPlugin(tapNamed("tap0")))
		chain.wantRefused(codeConfig, "tapName")
		chain.del()
	})
}

func TestChainOfTwoTaps(t *testing.T) {
	for _, c := range []struct {
		name    string
		plugins []m
		first   int // index of the first tap in the result
	}{
		{"alone", []m{tapPlugin(withRoutes()), tapPlugin(tapNamed("tap1"), otherSubnet())}, 0},
		{"behind bridge", []m{bridgePlugin(), tapPlugin(tapNamed("eth1"), m{"mac": "02:00:00:00:00:01"}), tapPlugin(tapNamed("tap1"), otherSubnet())}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inEveryVersion(t, func(t *testing.T, version string) {
				chain := newChain(t, version, c.plugins...)
				result := chain.add()
				first := "eth0"
				if c.first > 0 {
					first = "eth1"
					chain.wantPing()
				}
				chain.wantOurs(result, c.first, first)
				chain.wantOurs(result, c.first+1, "tap1")
				chain.wantChecked("tap")
				chain.del()
			})
		})
	}
}

// Each tap of a chain is checked by itself.
func TestChainOfTwoTapsCheckNamesTheOne(t *testing.T) {
	chain := newChain(t, "1.1.0", tapPlugin(), tapPlugin(tapNamed("tap1")))
	chain.add()
	for _, name := range []string{"tap1", "eth0"} {
		chain.host.Exec("ip", "link", "set", name, "down")
		var cni *types.Error
		if err := chain.check(); !errors.As(err, &cni) || cni.Code != codeCheck || !strings.Contains(cni.Msg, `tap "`+name+`"`) {
			t.Errorf("CHECK\nwant error %d about %s\ngot  %v", codeCheck, name, err)
		}
		chain.host.Exec("ip", "link", "set", name, "up")
		chain.wantChecked()
	}
	chain.del()
}

// A later tap's ADD that fails takes back its own, and no more: the rest is the DEL's.
func TestChainFailedADDLeavesTheEarlierTap(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		refused := fake(m{"routes": []any{m{"dst": "198.51.100.0/24", "gw": "224.0.0.1"}}})
		chain := newChain(t, version, tapPlugin(withRoutes()), tapPlugin(tapNamed("tap1"), refused))
		chain.wantRefused(codeLayer3, "198.51.100.0/24")
		if _, there := chain.host.Device("tap1"); there {
			t.Error("tap1 is still there")
		}
		if first := chain.host.MustDevice("eth0"); !first.Details.Data.Persist || len(first.Global()) != 2 {
			t.Errorf("the first tap: %+v", first)
		}
		if held := chain.host.Reservations(); len(held) != 2 {
			t.Errorf("reservations %v, want the first tap's two", held)
		}
		chain.del()
	})
}

// What a CNI result may be beside what the bridge plugin makes of it.
func TestChainKeepsUnusualResults(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		host := harness.NewHost(t)
		prev := m{
			"cniVersion": version,
			"interfaces": []any{
				m{"name": "lxc1", "mac": "02:00:00:00:00:05"},
				m{"name": "eth0", "sandbox": "$NETNS"},
				m{"name": "tap0", "sandbox": "/run/netns/another"},
			},
			"ips":    []any{m{"address": "203.0.113.9/32", "gateway": "203.0.113.1"}, m{"address": "2001:db8:7::9/128"}},
			"routes": []any{m{"dst": "192.0.2.0/24", "gw": "203.0.113.1"}},
			"dns":    m{"nameservers": []any{"203.0.113.53"}, "domain": "example", "search": []any{"a.example"}, "options": []any{"ndots:1"}},
		}
		if version < "1.0.0" {
			prev["ips"] = []any{m{"version": "4", "address": "203.0.113.9/32", "gateway": "203.0.113.1"}, m{"version": "6", "address": "2001:db8:7::9/128"}}
		}
		host.Exec("sh", "-ec", "ip link add eth0 up type veth peer name p; ip link set p up; ip addr add 203.0.113.9/32 dev eth0; ip route add 192.0.2.0/24 via 203.0.113.1 dev eth0 onlink")
		before := host.Snapshot()
		keys := tapPlugin(tapNamed("tap0"), withRoutes(), m{"cniVersion": version})
		config := conf(t, keys, m{"prevResult": prev})
		added := host.Run("ADD", "eth0", config).WantOK()
		wantKept(t, []byte(host.Expand(text(t, prev))), []byte(added.Stdout))
		if result := added.Result(); len(result.Interfaces) != 4 || len(result.IPs) != 4 || *result.IPs[2].Interface != 3 || *result.IPs[3].Interface != 3 {
			t.Errorf("result %s", added.Stdout)
		}
		final := host.WithPrev(conf(t, keys), added)
		if !tooOld(version) {
			host.Run("CHECK", "eth0", final).WantOK()
		}
		host.Run("DEL", "eth0", final).WantOK()
		host.Run("DEL", "eth0", conf(t, keys)).WantOK()
		host.WantSame(before)
	})
}
