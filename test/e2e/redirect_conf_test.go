package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tap/test/harness"
)

// The tap is what was asked for, with the interface's MTU, and DEL leaves nothing.
func TestRedirectTapIsWhatWasAskedFor(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []m
		args string // CNI_ARGS
		want string // name, owner, group, multiQueue, queue length, MTU
	}{
		{"minimal", nil, "", "tap-eth0, none:none, false, 1000, 1400"},
		{"every key", []m{owned(), {"multiQueue": true, "txQueueLen": 77, "tapName": "vm0"}}, "", "vm0, 64001:64002, true, 77, 1400"},
		{"CNI_ARGS", nil, "TC_REDIRECT_TAP_NAME=vm1;TC_REDIRECT_TAP_UID=64003;TC_REDIRECT_TAP_GID=64004", "vm1, 64003:64004, false, 1000, 1400"},
		{"CNI_ARGS before keys", []m{owned(), {"tapName": "vm0"}}, "TC_REDIRECT_TAP_NAME=vm1;TC_REDIRECT_TAP_UID=0", "vm1, 0:64002, false, 1000, 1400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.sh("ip link set eth0 mtu 1400")
			h.before = h.look()
			config, env := redirect(t, c.keys...), "CNI_ARGS="+c.args
			added := h.Run("ADD", "eth0", config, env)
			if got := brief(h.MustDevice(tapOf(added))); got != c.want {
				t.Errorf("tap\n got %s\nwant %s", got, c.want)
			}
			h.Run("CHECK", "eth0", h.WithPrev(config, added), env).WantOK()
			h.Run("DEL", "eth0", config, env).WantOK()
			h.wantAsBefore()
		})
	}
}

// tapOf is the tap's name in a result: the guest's interface, the last one, bears it too.
func tapOf(added harness.Got) string {
	interfaces := added.Result().Interfaces
	return interfaces[len(interfaces)-1].Name
}

// brief is what can be asked for: name, owner, group, multiQueue, queue length, MTU.
func brief(d harness.Device) string {
	none := func(id harness.ID) string { return orElse(string(id), "none") }
	data := d.Details.Data
	if !d.Up() || !data.Persist {
		return fmt.Sprintf("%s is not up and persistent", d.Name)
	}
	return fmt.Sprintf("%s, %s:%s, %v, %d, %d", d.Name, none(data.User), none(data.Group), data.MultiQueue, d.QLen, d.MTU)
}

// The tap's name is the same at every start, and for each interface another. A VM's
// snapshot has it: these may never change.
func TestRedirectTapName(t *testing.T) {
	harness.NeedRoot(t) // its programs are BPF
	for ifName, want := range map[string]string{
		"eth0":            "tap-eth0",
		"interface01":     "tap-interface01",
		"interface012":    "tap-ambq2ko1u0d",
		"interface012345": "tap-4a2eofjh949",
	} {
		t.Run(ifName, func(t *testing.T) {
			t.Parallel()
			h := &takeover{Host: harness.NewHost(t), t: t}
			h.wire(ifName)
			config := redirect(t, handed(m{"ips": []any{}, "interfaces": []any{m{"name": ifName, "mac": podMAC, "sandbox": "$NETNS"}}}))
			for range 2 {
				if got := tapOf(h.Run("ADD", ifName, config)); got != want {
					t.Errorf("tap\n got %s\nwant %s", got, want)
				}
				h.Run("DEL", ifName, config).WantOK()
			}
		})
	}
}

// The longest names that there are fit into the names of the filters, or are hashed.
func TestRedirectLongNames(t *testing.T) {
	harness.NeedRoot(t) // its programs are BPF
	for _, length := range []int{107, 108, 200} {
		gc := newGCHost(t)
		gc.ContainerID = strings.Repeat("c", length)
		h := &takeover{Host: gc.Host, t: t}
		const ifName = "interface012345"
		h.wire(ifName)
		h.before = h.look()
		network := m{"name": (gc.network + strings.Repeat("n", length))[:length]}
		config := redirect(t, network, handed(m{"ips": []any{}, "routes": []any{}}))
		added := h.Run("ADD", ifName, config).WantOK()
		h.Run("CHECK", ifName, h.WithPrev(config, added)).WantOK()
		gc.gc(network, known(gc.ContainerID, ifName)).WantOK()
		h.Run("CHECK", ifName, h.WithPrev(config, added)).WantOK()
		h.Run("DEL", ifName, config).WantOK()
		h.wantAsBefore()
		h.Run("ADD", ifName, config).WantOK()
		gc.gc(network, known(gc.ContainerID, "eth0")).WantOK()
		h.wantAsBefore()
	}
}

// Each of a pod's networks may have a guest, and goes without the other.
func TestRedirectTwoNetworks(t *testing.T) {
	h := newTakeover(t)
	h.sh("ip link add eth1 address 02:00:00:00:00:08 up type veth peer name wire1; ip link set wire1 up")
	h.before = h.look()
	second := redirect(t, m{"name": "second"}, handed(m{"ips": []any{}, "interfaces": []any{m{"name": "eth1", "mac": "02:00:00:00:00:08", "sandbox": "$NETNS"}}}))
	added := h.add().WantOK()
	one := h.look()
	addedSecond := h.Run("ADD", "eth1", second).WantOK()
	h.check(added).WantOK()
	h.Run("CHECK", "eth1", h.WithPrev(second, addedSecond)).WantOK()
	h.Run("DEL", "eth1", second).WantOK()
	if after := h.look(); after != one {
		t.Errorf("DEL of the second network\nbefore:\n%s\nafter:\n%s", one, after)
	}
	h.check(added).WantOK()
	h.del().WantOK()
	h.wantAsBefore()
}

// Limits are the root qdiscs of the two ends; one that is there already is left alone.
func TestRedirectBandwidth(t *testing.T) {
	h := newTakeover(t)
	added := h.add(both()).WantOK()
	for device, want := range map[string]int64{"tap-eth0": ingressRate, "eth0": egressRate} {
		if got := h.Bucket(device); got != (harness.Bucket{Rate: want, Burst: burst}) {
			t.Errorf("limit of %s: %+v, want a rate of %d", device, got, want)
		}
	}
	h.check(added, both()).WantOK()
	h.sh("tc qdisc del dev eth0 root")
	h.check(added, both()).WantError(codeCheck, "bandwidth, egress", "found none")
	h.sh("tc qdisc del dev tap-eth0 root")
	h.check(added, both()).WantError(codeCheck, "bandwidth, ingress", "found none")
	h.del(both()).WantOK()
	h.wantAsBefore()

	h.add(both()).WantOK()
	h.del().WantOK() // the limit is found although the configuration no longer has it
	h.wantAsBefore()

	h.sh("tc qdisc add dev eth0 root pfifo")
	h.before = h.look()
	h.add(both()).WantError(codeBandwidth, `interface "eth0"`, "pfifo", "root qdisc")
	h.wantAsBefore()
	h.add(limits(ingressRate, 0)).WantOK()
	h.del().WantOK()
	h.wantAsBefore()
}

// The limits hold: ingress is what the guest receives.
func TestRedirectBandwidthRates(t *testing.T) {
	h := newTakeover(t)
	h.add(both(), owned()).WantOK()
	vm := h.guest()
	h.wantAnswers(true)
	wantRates(t, []rated{
		{"ingress", harness.Flow{From: h.Node, To: vm.NS, Address: wired4}, ingressRate, 1500},
		{"egress", harness.Flow{From: vm.NS, To: h.Node, Address: node4}, egressRate, 1500},
	})
}

// What the interface decides cannot be asked for beside it.
func TestRedirectContradictionsTouchNothing(t *testing.T) {
	for _, c := range []struct {
		keys m
		says []string
	}{
		{m{"mtu": 1400}, []string{"mtu", "the tap has the interface's MTU"}},
		{m{"mac": "02:00:00:00:00:03"}, []string{"mac", "the guest uses the interface's MAC address"}},
		{m{"bridge": "br0"}, []string{"bridge", "none to a bridge"}},
		{hostLocal(), []string{"ipam", "the guest uses the addresses that a previous plugin assigned"}},
		{m{"redirect": "yes"}, []string{"redirect", "true or false"}},
		{m{"tapName": "eth0"}, []string{"tapName", "this is the name of the interface that the tap is redirected to"}},
		{m{"prevResult": nil}, []string{"redirect", "no previous plugin", "later plugin of a chain"}},
		{m{"runtimeConfig": m{"mac": "02:00:00:00:00:03"}}, []string{"mac", "redirect"}},
	} {
		t.Run(text(t, c.keys), func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.add(c.keys).WantError(codeConfig, c.says...)
			h.wantAsBefore()
			if held := h.Reservations(); len(held) != 0 {
				t.Errorf("reserved %s", held)
			}
		})
	}
	for args, says := range map[string]string{
		"TC_REDIRECT_TAP_NAME=a/b":              "TC_REDIRECT_TAP_NAME",
		"TC_REDIRECT_TAP_UID=root":              "TC_REDIRECT_TAP_UID",
		"TC_REDIRECT_TAP_GID=4294967295":        "TC_REDIRECT_TAP_GID",
		"TC_REDIRECT_TAP_UID=-1;":               "CNI_ARGS",
		"TC_REDIRECT_TAP_SIZE=1":                "CNI_ARGS",
		"TC_REDIRECT_TAP_NAME=0123456789abcdef": "15 bytes",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.Run("ADD", "eth0", redirect(t), "CNI_ARGS="+args).WantError(codeEnvironment, says)
			h.wantAsBefore()
			h.Run("DEL", "eth0", redirect(t), "CNI_ARGS="+args).WantOK() // or the container could not be deleted
		})
	}
}

// The MTU is the interface's, up to what a tap can have.
func TestRedirectMTU(t *testing.T) {
	h := newTakeover(t)
	for _, mtu := range []string{"68", "1280", "9000", "65521"} {
		h.sh("ip link set eth0 mtu " + mtu)
		added := h.add().WantOK()
		if got := fmt.Sprint(h.MustDevice("tap-eth0").MTU); got != mtu {
			t.Errorf("MTU of the tap %s, want %s", got, mtu)
		}
		for _, i := range added.Result().Interfaces[2:] {
			if got := fmt.Sprint(i.MTU); got != mtu {
				t.Errorf("MTU in the result %s, want %s: %+v", got, mtu, i)
			}
		}
		h.check(added).WantOK()
		h.del().WantOK()
	}
	h.sh("ip link set eth0 mtu 65535")
	before := h.look()
	e := h.add().WantError(codeDevice, "mtu 65535", "greater than device maximum")
	if after := h.look(); after != before || strings.Contains(e.Msg, "undo") {
		t.Errorf("something was left behind: %s\nbefore:\n%s\nafter:\n%s", e.Msg, before, after)
	}
}
