package e2e

import (
	"testing"

	"tap/test/harness"
)

// CHECK names each difference, expected and found.
func TestRedirectCheck(t *testing.T) {
	for _, c := range []struct {
		name, script string
		says         []string // none: CHECK passes
	}{
		{"nothing", "true", nil},
		{"another's qdisc and filter", "tc qdisc replace dev lo clsact; tc filter add dev eth0 ingress prio 1 protocol 0x88b6 u32 match u32 0 0 flowid :1", nil},
		{"interface: received", "tc filter del dev eth0 ingress", []string{`missing ingress filter of "eth0"`}},
		{"interface: sent", "tc filter del dev eth0 egress", []string{`missing egress filter of "eth0"`}},
		{"tap: received", "tc filter del dev tap-eth0 ingress", []string{`missing ingress filter of "tap-eth0"`}},
		{"tap: sent", "tc filter del dev tap-eth0 egress", []string{`missing egress filter of "tap-eth0"`}},
		{"interface: qdisc", "tc qdisc del dev eth0 clsact", []string{`missing ingress filter of "eth0"`, `missing egress filter of "eth0"`}},
		{"tap: qdisc", "tc qdisc del dev tap-eth0 clsact", []string{`missing ingress filter of "tap-eth0"`, `missing egress filter of "tap-eth0"`}},
		{"tap: root qdisc", "tc qdisc replace dev tap-eth0 root pfifo", []string{"root qdisc: expected noqueue, found pfifo"}},
		{"tap: gone", "ip link del tap-eth0", []string{`missing device with alias "tap/vms/container1/eth0/:redirect"`}},
		{"tap: down", "ip link set tap-eth0 down", []string{"up: expected true, found false"}},
		{"tap: MTU", "ip link set tap-eth0 mtu 1400", []string{`MTU (must equal the MTU of "eth0"): expected 1500, found 1400`}},
		{"tap: made anew", "ip link del tap-eth0; ip tuntap add tap-eth0 mode tap; ip link set tap-eth0 up alias tap/vms/container1/eth0/:redirect",
			[]string{`ingress filter of "eth0", BPF program: expected `, `missing ingress filter of "tap-eth0"`}},
		{"interface: gone", "ip link del eth0", []string{`missing interface "eth0" (redirect)`}},
		{"interface: renamed", "ip link set eth0 down; ip link set eth0 name eth7; ip link set eth7 up", []string{`missing interface "eth0" (redirect)`}},
		{"interface: MTU", "ip link set eth0 mtu 1400", []string{`MTU (must equal the MTU of "eth0"): expected 1400, found 1500`, `MTU of "eth0": expected 1500, found 1400`}},
		{"interface: both MTUs", "ip link set eth0 mtu 1400; ip link set tap-eth0 mtu 1400", []string{`MTU of "eth0": expected 1500, found 1400`}},
		{"interface: MAC", "ip link set eth0 address 02:00:00:00:00:99", []string{`MAC of "eth0": expected 02:00:00:00:00:09, found 02:00:00:00:00:99`}},
		{"interface: made anew", "ip link del eth0; ip link add eth0 up address " + podMAC + " type veth peer name other", []string{`missing ingress filter of "eth0"`, `ingress filter of "tap-eth0", BPF program: expected `}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			added := h.add().WantOK()
			h.sh(c.script)
			got := h.check(added)
			if c.says == nil {
				got.WantOK()
			} else {
				got.WantError(codeCheck, c.says...)
			}
		})
	}
}

// A filter of our name with a program that is not ours.
func TestRedirectCheckFindsAnotherProgram(t *testing.T) {
	const ofInterface, ofTap = "tap/vms/container1/eth0/:interface+clsact", "tap/vms/container1/eth0/:redirect"
	for name, c := range map[string]struct {
		device, side string
		hook         harness.Hook
	}{
		"interface: received": {"eth0", "ingress", harness.Hook{Priority: ownPriority, Name: ofInterface}},
		"interface: sent":     {"eth0", "egress", harness.Hook{Priority: ownPriority, Name: ofInterface, Sent: true}},
		"tap: received":       {"tap-eth0", "ingress", harness.Hook{Priority: ownPriority, Name: ofTap}},
		"tap: sent":           {"tap-eth0", "egress", harness.Hook{Priority: ownPriority, Name: ofTap, Sent: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			added := h.add().WantOK()
			h.sh("tc filter del dev " + c.device + " " + c.side)
			h.Must(h.Reject(h.Pod, c.device, c.hook, foreign))
			h.check(added).WantError(codeCheck, c.device+`", BPF program: expected `)
			h.del().WantOK()
			h.wantAsBefore()
		})
	}
}

// Versions of the specification before 1.1.0 have no MTU in the result; the kernel tells.
func TestRedirectCheckOfAnOlderVersion(t *testing.T) {
	h := newTakeover(t)
	old := handedIn("0.4.0", oneAddress())
	added := h.add(old).WantOK()
	h.check(added, old).WantOK()
	h.sh("ip link set eth0 mtu 1400")
	h.check(added, old).WantError(codeCheck, `MTU (must equal the MTU of "eth0"): expected 1400, found 1500`)
}
