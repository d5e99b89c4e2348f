package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"tap/test/isolate"

	"tap/test/harness"
)

// The tap's root qdisc is set, and not net.core.default_qdisc. That is one for the whole
// machine: it is changed where the machine is the tests' own (test/vm).
func TestRedirectTapHasNoQueueingDiscipline(t *testing.T) {
	h := newTakeover(t)
	if isolate.Dedicated() {
		const path = "/proc/sys/net/core/default_qdisc"
		before := harness.ReadFile(t, path)
		h.Must(os.WriteFile(path, []byte("fq"), 0))
		t.Cleanup(func() { h.Must(os.WriteFile(path, []byte(before), 0)) })
		h.sh("ip tuntap add plain mode tap; ip link set plain up")
		if kind, _ := h.rootQdisc("plain"); kind != "fq" {
			t.Fatalf("a plain tap has the root qdisc %s, want fq", kind)
		}
	}
	h.add(owned()).WantOK()
	if kind, handle := h.rootQdisc("tap-eth0"); kind != "noqueue" || strings.Trim(handle, "0:") == "" {
		t.Errorf("root qdisc %s %s: want noqueue, which was set, and has a handle", kind, handle)
	}
	vm := h.guest()
	h.wantAnswers(true)
	sendIntact(t, h.Node, vm.NS, wired4)
	sendIntact(t, vm.NS, h.Node, node6)
}

// rootQdisc is kind and handle.
func (h *takeover) rootQdisc(device string) (string, string) {
	h.t.Helper()
	var list []struct{ Kind, Handle string }
	h.Must(json.Unmarshal([]byte(h.Exec("tc", "-json", "qdisc", "show", "dev", device, "root")), &list))
	if len(list) != 1 {
		h.t.Fatalf("%d root qdiscs", len(list))
	}
	return list[0].Kind, list[0].Handle
}
