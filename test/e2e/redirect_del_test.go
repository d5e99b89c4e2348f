package e2e

import "testing"

// DEL gives the interface back as it was, whatever has become of the attachment.
func TestRedirectDelGivesTheInterfaceBack(t *testing.T) {
	const renamed = "ip link set eth0 down; ip link set eth0 name eth7; ip link set eth7 up"
	for _, c := range []struct {
		name          string
		script, after string // in the pod, before DEL, and before the look at what is left
		keys          m
	}{
		{name: "nothing happened"},
		{name: "the tap is gone", script: "ip link del tap-eth0"},
		{name: "the tap was renamed", script: "ip link set tap-eth0 down; ip link set tap-eth0 name vm0"},
		{name: "the interface was renamed", script: renamed, after: "ip link set eth7 down; ip link set eth7 name eth0; ip link set eth0 up; ip -6 addr add " + wired6 + "/64 dev eth0 nodad; ip route add default via " + node4},
		{name: "only what the interface receives", script: "ip link del tap-eth0; tc filter del dev eth0 egress"},
		{name: "only what the interface sends", script: "ip link del tap-eth0; tc filter del dev eth0 ingress"},
		{name: "only the tap", script: "tc qdisc del dev eth0 clsact"},
		{name: "limited, and the tap is gone", script: "ip link del tap-eth0", keys: both()},
		{name: "only a limit and a filter", script: "ip link del tap-eth0; tc filter del dev eth0 ingress", keys: both()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.add(c.keys).WantOK()
			h.sh(c.script)
			h.Run("DEL", "eth0", conf(t, m{"redirect": true})).WantOK() // without prevResult, and what else there was
			h.sh(c.after)
			h.wantAsBefore()
			h.wantAnswers(true)
			h.Run("DEL", "eth0", conf(t, m{"redirect": true})).WantOK()
			h.wantAsBefore()
		})
	}
}

// A tap that is gone leaves a dead interface: what comes in is lost.
func TestRedirectWithoutTapIsDead(t *testing.T) {
	t.Parallel()
	h := newTakeover(t)
	h.wantAnswers(true)
	h.add().WantOK()
	h.wantAnswers(false)
	h.sh("ip link del tap-eth0")
	h.wantAnswers(false)
	h.del().WantOK()
	h.wantAnswers(true)
}

func TestRedirectDelWithTheGuestAttached(t *testing.T) {
	h := newTakeover(t)
	h.add(owned()).WantOK()
	vm := h.guest()
	h.wantAnswers(true)
	h.del().WantOK()
	h.wantAsBefore()
	h.wantAnswers(true)
	if vm.NS != nil && h.in(h.Pod, "ip -br link show type tun") != "" {
		t.Error("the guest has a tap")
	}
}

func TestRedirectDelWhereTheInterfaceIsGone(t *testing.T) {
	h := newTakeover(t)
	h.add().WantOK()
	h.sh("ip link del eth0")
	h.del().WantOK()
	if _, there := h.Device("tap-eth0"); there {
		t.Error("DEL left the tap")
	}
}

// DEL of another attachment leaves this one alone.
func TestRedirectDelOfAnother(t *testing.T) {
	h := newTakeover(t)
	added := h.add().WantOK()
	before := h.look()
	h.Run("DEL", "eth0", redirect(t), "CNI_CONTAINERID=container").WantOK()
	h.Run("DEL", "eth0", redirect(t, m{"name": "vm"})).WantOK()
	h.Run("DEL", "eth", redirect(t)).WantOK()
	if after := h.look(); after != before {
		t.Errorf("DEL of another attachment\nbefore:\n%s\nafter:\n%s", before, after)
	}
	h.check(added).WantOK()
}
