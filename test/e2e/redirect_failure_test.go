package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tap/test/harness"
)

// An interface that cannot be taken over.
func TestRedirectRefusesTheInterface(t *testing.T) {
	for _, c := range []struct {
		name, ifName, script string
		says                 []string
	}{
		{"none", "eth0", "ip link del eth0", []string{`interface "eth0"`, "no such interface", "put the plugin that creates"}},
		{"lo", "lo", "true", []string{`interface "lo"`, "not an Ethernet interface"}},
		{"tun", "tun0", "ip tuntap add tun0 mode tun", []string{`interface "tun0"`, "not an Ethernet interface"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.sh(c.script)
			h.before = h.look()
			h.Run("ADD", c.ifName, redirect(t)).WantError(codeTakeOver, c.says...)
			h.wantAsBefore()
			h.Run("DEL", c.ifName, redirect(t)).WantOK()
			h.wantAsBefore()
		})
	}
}

// An interface has one guest; whose it is the error says.
func TestRedirectRefusesASecondGuest(t *testing.T) {
	for name, script := range map[string]string{"our qdisc": "true", "another's qdisc": "tc qdisc add dev eth0 clsact"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.sh(script)
			added := h.add().WantOK()
			taken := h.look()
			for _, again := range []harness.Got{h.add(), h.add(m{"tapName": "vm1"})} {
				again.WantError(codeTakeOver, `redirect interface "eth0"`, "already redirected by this attachment", "two entries of tap")
			}
			for _, second := range []harness.Got{
				h.Run("ADD", "eth0", redirect(t, m{"name": "second", "tapName": "vm1"})),
				h.Run("ADD", "eth0", redirect(t, m{"tapName": "vm1"}), "CNI_CONTAINERID=container2"),
				h.Run("ADD", "tap-eth0", redirect(t)), // whose frames are the guest's
			} {
				second.WantError(codeTakeOver, `eth0"`, "already redirected by tap/vms/container1/eth0/:", "DEL the attachment")
			}
			if after := h.look(); after != taken {
				t.Errorf("the second ADD changed something\nbefore:\n%s\nafter:\n%s", taken, after)
			}
			h.check(added).WantOK()
		})
	}
}

func TestRedirectTakenTapName(t *testing.T) {
	h := newTakeover(t)
	h.sh("ip tuntap add tap-eth0 mode tap")
	h.before = h.look()
	h.add().WantError(codeNameTaken, `create tap "tap-eth0"`)
	h.wantAsBefore()
	h.del().WantOK()
	h.wantAsBefore()
	h.wantAnswers(true)
}

// The failure that comes after everything else is undone, the interface first.
func TestRedirectResultNotWrittenIsUndone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	for name, stdout := range map[string]*os.File{"full": devFull(t), "pipe without reader": w} {
		for qdisc, script := range map[string]string{"our qdisc": "true", "another's qdisc": "tc qdisc add dev eth0 clsact"} {
			t.Run(name+", "+qdisc, func(t *testing.T) {
				h := newTakeover(t)
				h.sh(script)
				h.before = h.look()
				cmd := h.Command("ADD", "eth0", redirect(t, both()))
				cmd.Stdout = stdout
				if got := h.Finish(cmd); got.Exit == 0 {
					t.Error("succeeded")
				}
				h.wantAsBefore()
				h.wantAnswers(true)
			})
		}
	}
}

// The kernel gives up loading a program where a signal comes, of Go's scheduler for example.
func TestRedirectProgramIsLoadedAgain(t *testing.T) {
	h := newTakeover(t)
	cmd := h.Command("ADD", "eth0", redirect(t))
	strace(cmd, filepath.Join(t.TempDir(), "strace"), "-e", "trace=bpf", "-e", "inject=bpf:error=EAGAIN:when=1..3")
	added := h.Finish(cmd).WantOK()
	h.check(added).WantOK()
}

// A kernel that loads no programs.
func TestRedirectWithoutBPF(t *testing.T) {
	h := newTakeover(t)
	without := func(errno string, cmd *exec.Cmd) harness.Got {
		strace(cmd, filepath.Join(t.TempDir(), "strace"), "-e", "trace=bpf", "-e", "inject=bpf:error="+errno)
		return h.Finish(cmd)
	}
	for _, errno := range []string{"ENOSYS", "EPERM", "EAGAIN"} {
		without(errno, h.Command("ADD", "eth0", redirect(t))).WantError(codeTakeOver, "load BPF program tap_")
		h.wantAsBefore()
		without(errno, h.Command("STATUS", "", conf(t, m{"redirect": true}))).WantError(codeNotAvailable, "load BPF program tap_")
		added := h.add().WantOK()
		without(errno, h.Command("CHECK", "eth0", h.WithPrev(redirect(t), added))).WantError(codeTakeOver, "load BPF program tap_")
		without(errno, h.Command("DEL", "eth0", redirect(t))).WantOK() // which needs none
		h.wantAsBefore()
	}
}

func TestRedirectStatus(t *testing.T) {
	h := newTakeover(t)
	for _, keys := range []m{{}, both(), owned(), {"multiQueue": true, "tapName": "vm0", "txQueueLen": 5}} {
		if got := h.Run("STATUS", "", conf(t, m{"redirect": true}, keys)).WantOK(); got.Stdout+got.Stderr != "" {
			t.Errorf("STATUS of %v printed %s%s", keys, got.Stdout, got.Stderr)
		}
	}
	h.Run("STATUS", "", conf(t, m{"redirect": true, "mtu": 1400})).WantError(codeNotAvailable, "mtu", "redirect")
	h.wantAsBefore()
}
