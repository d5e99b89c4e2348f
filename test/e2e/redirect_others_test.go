package e2e

import (
	"errors"
	"testing"

	"tap/test/harness"
)

// rejectsIPv6 has a program of somebody else drop IPv6, and nothing else.
func (h *takeover) rejectsIPv6(hook harness.Hook) error {
	h.t.Helper()
	return h.Reject(h.Pod, "eth0", hook, etherIPv6)
}

// wantOnlyIPv4 fails unless that program is at work.
func (h *takeover) wantOnlyIPv4() {
	h.t.Helper()
	h.wantAnswer(wired4, true)
	h.wantAnswer(wired6, false)
}

// wantTheyGoOn fails unless somebody else's program works before, beside and after the guest.
func (h *takeover) wantTheyGoOn() {
	h.t.Helper()
	h.before = h.look()
	h.wantOnlyIPv4()
	added := h.add(owned()).WantOK()
	h.guest()
	h.wantOnlyIPv4()
	h.check(added, owned()).WantOK()
	h.del().WantOK()
	h.wantAsBefore()
	h.wantOnlyIPv4()
}

// both ways of a device.
var hooks = map[string]harness.Hook{"received": {}, "sent": {Sent: true}}

func TestRedirectAnothersFiltersGoOn(t *testing.T) {
	for name, hook := range hooks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.sh("tc qdisc add dev eth0 clsact")
			h.Must(h.rejectsIPv6(hook))
			h.wantTheyGoOn()
		})
	}
}

func TestRedirectAnothersTCXProgramsGoOn(t *testing.T) {
	for name, hook := range hooks {
		hook.TCX = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			if err := h.rejectsIPv6(hook); errors.Is(err, harness.ErrNoTCX) {
				t.Log("nobody can have such a program here:", err)
				return
			} else if err != nil {
				t.Fatal(err)
			}
			h.wantTheyGoOn()
		})
	}
}

// On the qdisc that we made somebody else may put filters, which it then stays for.
func TestRedirectAnothersFiltersStayOnOurQdisc(t *testing.T) {
	for name, hook := range hooks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			added := h.add(owned()).WantOK()
			h.Must(h.rejectsIPv6(hook))
			h.guest()
			h.wantOnlyIPv4()
			h.check(added, owned()).WantOK()
			h.del().WantOK()
			h.wantOnlyIPv4()
			wantText(t, h.look(), "qdisc clsact ffff: dev eth0", " theirs ")
			h.sh("tc qdisc del dev eth0 clsact")
			h.wantAsBefore()
			h.wantAnswers(true)
		})
	}
}

// A qdisc that was there stays, also where no filter is on it.
func TestRedirectAnothersQdiscStays(t *testing.T) {
	h := newTakeover(t)
	h.sh("tc qdisc add dev eth0 clsact")
	h.before = h.look()
	h.add().WantOK()
	h.del().WantOK()
	h.wantAsBefore()
	h.add().WantOK()
	h.sh("ip link del tap-eth0")
	h.del().WantOK()
	h.wantAsBefore()
}

// The qdisc ingress has no hook for what is sent, and excludes clsact.
func TestRedirectAnothersIngressIsRefused(t *testing.T) {
	h := newTakeover(t)
	h.sh("tc qdisc add dev eth0 ingress")
	h.Must(h.rejectsIPv6(harness.Hook{}))
	h.before = h.look()
	h.add().WantError(codeTakeOver, `interface "eth0"`, "qdisc ingress", "replace the qdisc ingress by clsact")
	h.wantAsBefore()
	h.wantOnlyIPv4()
	h.del().WantOK()
	h.wantAsBefore()
}
