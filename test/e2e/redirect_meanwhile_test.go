package e2e

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// addWhile is ADD, and what is done in its pod after the tap's commit and before the interface is taken over.
func (h *takeover) addWhile(meanwhile func(), keys ...m) harness.Got {
	h.t.Helper()
	committed := false
	return h.heldAt(h.Command("ADD", "eth0", redirect(h.t, keys...)), meanwhile, func(p *harness.Point) bool {
		committed = committed || p.Number == unix.SYS_IOCTL && p.Args[1] == unix.TUNSETPERSIST
		return committed && p.Number == unix.SYS_SENDTO
	})
}

// heldAt holds a verb where it makes the first call of that sort.
func (h *takeover) heldAt(cmd *exec.Cmd, meanwhile func(), only func(*harness.Point) bool) harness.Got {
	h.t.Helper()
	got := h.Trace(cmd, harness.Fault{N: 1, FromMain: true, Meanwhile: meanwhile, Only: only})
	if got.Struck == nil {
		h.t.Error("it came to no such call")
	}
	return got.Got
}

// Somebody else makes his qdisc between our look and the take-over: it is left to him.
func TestRedirectAnothersQdiscMadeMeanwhile(t *testing.T) {
	h := newTakeover(t)
	got := h.addWhile(func() { h.sh("tc qdisc add dev eth0 clsact") })
	got.WantError(codeTakeOver, `redirect interface "eth0"`, "modified concurrently by another process", "qdisc clsact", "try again")
	wantText(t, h.sh("tc qdisc"), "qdisc clsact ffff: dev eth0")
	h.sh("tc qdisc del dev eth0 clsact")
	h.wantAsBefore()
}

// Of ADDs that want one interface at the same time one gets it, and the others touch
// nothing, also where they are of the same attachment.
func TestRedirectBesideItselfOneWins(t *testing.T) {
	for name, script := range map[string]string{"our qdisc": "true", "another's qdisc": "tc qdisc add dev eth0 clsact"} {
		t.Run(name, func(t *testing.T) {
			h := newTakeover(t)
			h.sh(script)
			h.before = h.look()
			second := redirect(t, m{"tapName": "vm1"})
			added := h.addWhile(func() {
				for _, env := range []string{"CNI_CONTAINERID=container1", "CNI_CONTAINERID=container2"} {
					h.Run("ADD", "eth0", second, env).WantError(codeTakeOver, `interface "eth0"`, "modified concurrently by another process", "try again")
				}
			}).WantOK()
			h.check(added).WantOK()
			h.del().WantOK()
			h.wantAsBefore()
			h.Run("ADD", "eth0", second, "CNI_CONTAINERID=container2").WantOK() // it was not held on to
		})
	}
}

// A filter that leads to a tap that is gone would leave a dead interface.
func TestRedirectTapDeletedMeanwhile(t *testing.T) {
	h := newTakeover(t)
	h.addWhile(func() { h.sh("ip link del tap-eth0") }).WantError(codeTakeOver, `redirect interface "eth0"`, "not found")
	h.wantAsBefore()
	h.wantAnswers(true)
}

// DEL takes nothing or all of an ADD that comes in between its looks at the interface and
// for the tap.
func TestRedirectAddedWhileDelLooks(t *testing.T) {
	h := newTakeover(t)
	looks := 0
	h.heldAt(h.Command("DEL", "eth0", redirect(t)), func() { h.add().WantOK() }, func(p *harness.Point) bool {
		if p.Number == unix.SYS_SENDTO && (p.NetlinkType() == unix.RTM_GETQDISC || p.NetlinkType() == unix.RTM_GETLINK) {
			looks++
		}
		return looks == 2
	}).WantOK()
	h.wantAsBefore()
}

// An ADD with a limit that comes in between the looks of DEL or GC at the qdiscs and at the filters: the limit goes as well.
func TestRedirectLimitedWhileASweepLooks(t *testing.T) {
	for _, verb := range []string{"DEL", "GC"} {
		t.Run(verb, func(t *testing.T) {
			gc := newGCHost(t)
			h := newTakeoverOn(t, gc.Host)
			h.sh("tc qdisc add dev eth0 clsact")
			before := h.Snapshot()
			cmd := h.Command(verb, "eth0", gc.conf(m{"redirect": true}, known()))
			h.heldAt(cmd, func() { h.add(m{"name": gc.network}, both()).WantOK() },
				func(p *harness.Point) bool {
					return p.Number == unix.SYS_SENDTO && p.NetlinkType() == unix.RTM_GETTFILTER
				}).WantOK()
			h.WantSame(before)
		})
	}
}

// An ADD that goes on after its runtime gave it up takes the interface over after DEL or GC
// has looked at that, and before its tap goes.
func TestRedirectTakenOverWhileTheTapIsDeleted(t *testing.T) {
	for _, verb := range []string{"DEL", "GC"} {
		t.Run(verb, func(t *testing.T) {
			gc := newGCHost(t)
			h := newTakeoverOn(t, gc.Host)
			h.add(m{"name": gc.network}).WantOK()
			cmd := h.Command(verb, "eth0", gc.conf(m{"redirect": true}, known()))
			h.heldAt(cmd, func() {
				if after := h.sh("tc filter show dev eth0 ingress"); after != "" {
					t.Errorf("the tap goes before the filter that leads to it: %s", after)
				}
				h.sh("tc qdisc add dev eth0 clsact")
				h.Must(h.Reject(h.Pod, "eth0", harness.Hook{Priority: ownPriority, Name: "tap/" + gc.network + "/container1/eth0/:interface+clsact"}, foreign))
			}, func(p *harness.Point) bool { return p.Number == unix.SYS_SENDTO && p.NetlinkType() == unix.RTM_DELLINK }).WantOK()
			h.wantAsBefore()
		})
	}
}
