package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tap/test/harness"
)

// both limits both directions.
func both() m { return limits(ingressRate, egressRate) }

func TestBandwidthIsWhatWasAskedFor(t *testing.T) {
	in := harness.Bucket{Rate: ingressRate, Burst: burst}
	out := harness.Bucket{Rate: egressRate, Burst: burst}
	for _, c := range []struct {
		name            string
		keys            []m
		ingress, egress harness.Bucket // zero: none
	}{
		{"no limit", nil, harness.Bucket{}, harness.Bucket{}},
		{"zeros", []m{{"bandwidth": m{"ingressRate": 0, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0}}}, harness.Bucket{}, harness.Bucket{}},
		{"both", []m{both()}, in, out},
		{"ingress", []m{limits(ingressRate, 0)}, in, harness.Bucket{}},
		{"egress", []m{limits(0, egressRate)}, harness.Bucket{}, out},
		{"both, with several queues", []m{both(), {"multiQueue": true}}, in, out},
		{"the runtime's before the key's", []m{limits(8_000_000, 8_000_000), {"runtimeConfig": both()}}, in, out},
		{"the runtime's one direction, the key's other", []m{limits(8_000_000, 8_000_000), {"runtimeConfig": limits(0, egressRate)}}, harness.Bucket{Rate: 8_000_000, Burst: burst}, out},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := harness.NewHost(t)
			before := host.Snapshot()
			config := conf(t, c.keys...)
			added := host.Run("ADD", "net1", config).WantOK()
			if got := host.Bucket("net1"); got != c.ingress {
				t.Errorf("ingress\n got %+v\nwant %+v", got, c.ingress)
			}
			egress := host.EgressDevices()
			if limited := c.egress != (harness.Bucket{}); limited != (len(egress) == 1) {
				t.Fatalf("egress devices %q", egress)
			}
			made := []string{"net1"}
			for _, device := range egress {
				made = append(made, device)
				if got := host.Bucket(device); got != c.egress {
					t.Errorf("egress\n got %+v\nwant %+v", got, c.egress)
				}
			}
			var told []string
			for _, entry := range added.Result().Interfaces {
				told = append(told, entry.Name)
			}
			if !slices.Equal(told, made) {
				t.Errorf("interfaces of the result\n got %q\nwant %q", told, made)
			}
			host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
			host.Run("DEL", "net1", config).WantOK()
			host.WantSame(before)
		})
	}
}

// The time that a large burst takes at a low rate has no room in what the kernel
// tells, and rates beyond 34 Gbit/s none in the older of its two fields.
func TestBandwidthExtremes(t *testing.T) {
	const unlimited = 1<<32 - 1 // bits, as kubelets send it
	for _, rate := range []int64{8, 1_000_000, 34_359_738_360, 34_359_738_368, 100_000_000_000, 1_000_000_000_000_000} {
		for _, size := range []int64{640_000, unlimited} {
			t.Run(fmt.Sprintf("%d bits per second, %d bits", rate, size), func(t *testing.T) {
				t.Parallel()
				host := harness.NewHost(t)
				config := conf(t, m{"bandwidth": m{"ingressRate": rate, "ingressBurst": size, "egressRate": rate, "egressBurst": size}})
				prev := host.WithPrev(config, host.Run("ADD", "net1", config).WantOK())
				host.Run("CHECK", "net1", prev).WantOK()
				for _, device := range []string{"net1", host.EgressDevice()} {
					if got := host.Bucket(device).Rate; got != rate {
						t.Errorf("rate of %s\n got %d\nwant %d", device, got, rate)
					}
				}
				host.Exec("tc", "qdisc", "del", "dev", "net1", "root")
				host.Run("CHECK", "net1", prev).WantError(codeCheck, "bandwidth, ingress", "found none")
			})
		}
	}
}

// CHECK names each difference, expected and found.
func TestCheckBandwidth(t *testing.T) {
	const (
		in  = "bandwidth, ingress: expected 6250000 bytes per second, burst of 100000 bytes, queue of 312500 bytes, found "
		out = "bandwidth, egress: expected 2500000 bytes per second, burst of 100000 bytes, queue of 160000 bytes, found "
		to  = "bandwidth, egress, device index in the ingress filter: expected 3, found "

		filter = "tc filter del dev net1 ingress; ip link add other up type ifb; tc filter add dev net1 ingress protocol all prio 1 u32 "
	)
	for _, c := range []struct {
		name, script string
		says         []string // none: CHECK passes
	}{
		{"nothing", "true", nil},
		{"the same again", "tc qdisc replace dev net1 root tbf rate 50mbit burst 100000 limit 312500; tc qdisc replace dev IFB root tbf rate 20mbit burst 100000 limit 160000", nil},
		{"tap's bucket gone", "tc qdisc del dev net1 root", []string{in + "none"}},
		{"tap's bucket another kind", "tc qdisc replace dev net1 root pfifo", []string{in + "none"}},
		{"tap's rate", "tc qdisc replace dev net1 root tbf rate 25mbit burst 50000 limit 312500", []string{in + "3125000 bytes per second"}}, // the burst takes the same time
		{"tap's burst", "tc qdisc replace dev net1 root tbf rate 50mbit burst 99990 limit 312500", []string{in + "6250000 bytes per second, burst of "}},
		{"tap's queue", "tc qdisc replace dev net1 root tbf rate 50mbit burst 100000 limit 312501", []string{in, "queue of 312501 bytes"}},
		{"egress bucket gone", "tc qdisc del dev IFB root", []string{out + "none"}},
		{"egress rate", "tc qdisc replace dev IFB root tbf rate 10mbit burst 50000 limit 160000", []string{out + "1250000 bytes per second"}},
		{"egress burst", "tc qdisc replace dev IFB root tbf rate 20mbit burst 200000 limit 160000", []string{out}},
		{"egress queue", "tc qdisc replace dev IFB root tbf rate 20mbit burst 100000 limit 159999", []string{out, "queue of 159999 bytes"}},
		{"egress device gone", "ip link del IFB", []string{`missing ifb "IFB" (bandwidth, egress)`}},
		{"egress device down", "ip link set IFB down", []string{"bandwidth, egress device up: expected true, found false"}},
		{"egress device renamed", "ip link set IFB down; ip link set IFB name other; ip link set other up", []string{`missing ifb "IFB" (bandwidth, egress)`}},
		{"egress device another's", "ip link del IFB; ip link add IFB up type bridge", []string{`missing ifb "IFB" (bandwidth, egress)`}},
		{"egress device made anew", "ip link del IFB; ip link add IFB up type ifb", []string{"device index in the ingress filter", out + "none"}},
		{"ingress qdisc gone", "tc qdisc del dev net1 ingress", []string{to + "0"}},
		{"filter gone", "tc filter del dev net1 ingress", []string{to + "0"}},
		{"filter to another device", filter + "match u32 0 0 action mirred egress redirect dev other", []string{to + "4"}},
		{"filter that copies", filter + "match u32 0 0 action mirred egress mirror dev IFB", []string{"bandwidth"}},
		{"filter for UDP alone", filter + "match ip protocol 17 0xff action mirred egress redirect dev IFB", []string{"bandwidth"}},
		{"filter for IPv6 alone", strings.Replace(filter, "all", "ipv6", 1) + "match u32 0 0 action mirred egress redirect dev IFB", []string{"bandwidth"}},
		{"filter in front", "tc filter add dev net1 ingress protocol all prio 1 handle 800::1 u32 match u32 0 0 flowid 1:1", []string{to + "0"}},
		{"tap's peak rate", "tc qdisc replace dev net1 root tbf rate 50mbit burst 100000 limit 312500 peakrate 60mbit mtu 80000", []string{in, "with a peak rate"}},
		{"several", "tc qdisc del dev net1 root; ip link set IFB down", []string{in + "none", "egress device up: expected true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			config := conf(t, both())
			prev := host.WithPrev(config, host.Run("ADD", "net1", config).WantOK())
			egress := host.EgressDevice()
			host.Exec("sh", "-ec", strings.ReplaceAll(c.script, "IFB", egress))
			got := host.Run("CHECK", "net1", prev)
			if c.says == nil {
				got.WantOK()
				return
			}
			e := got.WantError(codeCheck)
			for _, text := range c.says {
				wantText(t, e.Msg, strings.ReplaceAll(text, "IFB", egress))
			}
		})
	}
}

// While a guest is there, after its traffic, and when it has gone.
func TestCheckBandwidthOfABusyTap(t *testing.T) {
	for name, c := range map[string]struct {
		keys m
		args []string
	}{
		"one queue":   {m{}, nil},
		"four queues": {m{"multiQueue": true}, []string{"-queues", "4"}},
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			before := host.Snapshot()
			config := conf(t, owned(), hostLocal(), limits(400_000_000, 400_000_000), c.keys)
			prev := host.WithPrev(config, host.Run("ADD", "net1", config).WantOK())
			vm := startVM(host, c.args...)
			host.Run("CHECK", "net1", prev).WantOK()
			sendIntact(t, host.Pod, vm.NS, guest4)
			sendIntact(t, vm.NS, host.Pod, pod6)
			host.Run("CHECK", "net1", prev).WantOK()
			vm.Stop()
			host.Run("CHECK", "net1", prev).WantOK()
			startVM(host, c.args...)
			host.Run("CHECK", "net1", prev).WantOK()
			host.Run("DEL", "net1", config).WantOK()
			host.WantSame(before)
		})
	}
}
