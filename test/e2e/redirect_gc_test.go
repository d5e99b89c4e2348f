package e2e

import "testing"

// GC gives back the interface of an attachment that the runtime does not know, with or
// without its tap, and no other.
func TestRedirectGC(t *testing.T) {
	const otherQdisc = "tc qdisc add dev eth0 clsact"
	for _, c := range []struct {
		name, first, script string // before ADD, and after it
		keys                m
	}{
		{"whole", "true", "true", nil},
		{"whole, on another's qdisc", otherQdisc, "true", nil},
		{"whole, limited", "true", "true", both()},
		{"without the tap", "true", "ip link del tap-eth0", nil},
		{"without the tap, on another's qdisc", otherQdisc, "ip link del tap-eth0", nil},
		{"without the tap, limited", "true", "ip link del tap-eth0", both()},
		{"only the tap", "true", "tc qdisc del dev eth0 clsact", nil},
		{"another name", "true", "true", m{"tapName": "vm0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			gc := newGCHost(t)
			h := newTakeoverOn(t, gc.Host)
			h.sh(c.first)
			h.before = h.look()
			h.add(m{"name": gc.network}, c.keys).WantOK()
			h.sh(c.script)
			left := h.look()
			gc.gc(known("container1", "eth0")).WantOK()
			gc.gc(m{"name": gc.network + "b"}, known()).WantOK()
			if after := h.look(); after != left {
				t.Errorf("GC touched what is not its garbage\nbefore:\n%s\nafter:\n%s", left, after)
			}
			gc.gc(known("container2", "eth0", "container1", "eth1")).WantOK()
			h.wantAsBefore()
			h.wantAnswers(true)
		})
	}
}

func TestRedirectGCKeepsWhatIsValid(t *testing.T) {
	gc := newGCHost(t)
	h := newTakeoverOn(t, gc.Host)
	network := m{"name": gc.network}
	added := h.add(network, owned()).WantOK()
	h.guest()
	gc.gc(known("container1", "eth0")).WantOK()
	h.check(added, network, owned()).WantOK()
	h.wantAnswers(true)
}
