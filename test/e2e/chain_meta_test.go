package e2e

import (
	"strings"
	"testing"
)

// tuning changes the tap after us, and records no more than the MAC address.
func TestChainTuning(t *testing.T) {
	tuning := m{
		"type": "tuning", "dataDir": "$STORE", "mac": "02:00:00:00:00:77", "mtu": 1300, "promisc": true, "allmulti": true, "txQLen": 50,
		"sysctl": m{"net.ipv4.conf.IFNAME.arp_filter": "1"},
	}
	inEveryVersion(t, func(t *testing.T, version string) {
		chain := newChain(t, version, tapPlugin(withRoutes(), m{"mac": "02:00:00:00:00:01", "txQueueLen": 100}), tuning)
		result := chain.add()
		device := chain.host.MustDevice("eth0")
		if device.MAC != "02:00:00:00:00:77" || device.MTU != 1300 || device.QLen != 50 || result.Interfaces[0].Mac != device.MAC {
			t.Errorf("device %+v, result %+v", device, result.Interfaces[0])
		}
		wantText(t, strings.Join(device.Flags, " "), "PROMISC", "ALLMULTI")
		chain.wantChecked()
		if !tooOld(version) {
			wantText(t, chain.stderr.String(), "MTU changed from 1400 to 1300", "txQueueLen changed from 100 to 50")
		}
		chain.del()
	})
}

// tuning on the interface of an earlier plugin is none of the tap's business.
func TestChainTuningOfAnotherInterface(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		chain := newChain(t, version, bridgePlugin(), tapPlugin(tapNamed("tap0")), m{"type": "tuning", "dataDir": "$STORE", "mac": "02:00:00:00:00:77", "mtu": 1300})
		result := chain.add()
		chain.wantOurs(result, len(result.Interfaces)-1, "tap0")
		chain.wantPing()
		chain.wantChecked()
		if stderr := chain.stderr.String(); stderr != "" {
			t.Errorf("standard error: %s", stderr)
		}
		chain.del()
	})
}

// sbr moves the interface's routes into a table for each address.
func TestChainSourceBasedRouting(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		chain := newChain(t, version, tapPlugin(withRoutes()), m{"type": "sbr"})
		result := chain.add()
		chain.wantOurs(result, 0, "eth0")
		wantLines(t, chain.host.Exec("ip", "route", "show", "table", "100"), "default via 10.1.0.1 dev eth0", "198.51.100.0/24 via 10.1.0.1 dev eth0")
		wantLines(t, chain.host.Exec("ip", "-6", "route", "show", "table", "101"), "default via 2001:db8::1 dev eth0", "2001:db8:9::/48 via 2001:db8::1 dev eth0")
		chain.wantChecked()
		chain.del()
	})
}

// Where the result names the table, sbr makes but the rule.
func TestChainSourceBasedRoutingInATable(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		ipam := m{"ipam": m{
			"type": "host-local", "dataDir": "$STORE", "subnet": "10.1.0.0/24",
			"routes": []any{m{"dst": "0.0.0.0/0", "table": 200}},
		}}
		chain := newChain(t, version, tapPlugin(ipam), m{"type": "sbr", "table": 200})
		chain.add()
		wantLines(t, chain.host.Exec("ip", "route", "show", "table", "200"), "default via 10.1.0.1 dev eth0")
		wantText(t, chain.host.Exec("ip", "rule"), "from 10.1.0.2 lookup 200")
		chain.wantChecked()
		chain.del()
	})
}

// The routes that sbr moves may be another interface's. (The bridge plugin, v1.9.1,
// seeks them in the main table, and so fails its own CHECK.)
func TestChainSourceBasedRoutingOfAnotherInterface(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		chain := newChain(t, version, bridgePlugin(), tapPlugin(tapNamed("tap0")), m{"type": "sbr"})
		chain.add()
		chain.wantPing()
		chain.wantChecked("tap", "sbr")
		chain.del()
	})
}

// bandwidth of the reference limits the veth of eth0, at its end on the node.
func TestChainBandwidthOfAnotherInterface(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		chain := newChain(t, version, bridgePlugin(), tapPlugin(tapNamed("tap0")), withLimits(m{"type": "bandwidth"}))
		result := chain.add()
		ours := len(result.Interfaces) - 2 // it appends its own device
		chain.wantOurs(result, ours, "tap0")
		out, err := chain.host.Node.Output("tc", "qdisc")
		if err != nil {
			t.Fatal(err)
		}
		wantText(t, out, "dev "+result.Interfaces[ours+1].Name+" root", "tbf", "rate 2Mbit", "rate 3Mbit")
		if pod := chain.host.Exec("tc", "qdisc"); strings.Contains(pod, "tbf") {
			t.Errorf("queueing disciplines of the pod:\n%s", pod)
		}
		chain.wantPing()
		chain.wantChecked()
		chain.del()
	})
}

// bandwidth of the reference limits a veth, which a tap is not: the error is its own.
func TestChainBandwidthNeedsAVeth(t *testing.T) {
	inEveryVersion(t, func(t *testing.T, version string) {
		chain := newChain(t, version, tapPlugin(withRoutes()), withLimits(m{"type": "bandwidth"}))
		chain.wantRefused(codeOfTheirs, "has no veth peer")
		chain.del()
	})
}

// codeOfTheirs is what the plugins of the reference give to every error (cni, pkg/types, ErrInternal).
const codeOfTheirs = 999

// withLimits adds limits in the form of the bandwidth plugin, bits per second and bits.
func withLimits(plugin m) m {
	plugin["ingressRate"], plugin["ingressBurst"] = 2_000_000, 1_000_000
	plugin["egressRate"], plugin["egressBurst"] = 3_000_000, 1_000_000
	return plugin
}
