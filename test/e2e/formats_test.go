package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

// TestFormats_MatchGoldenFile compares the names, aliases, handles and priorities that ADD stores in the kernel with a file. After an
// upgrade a node has attachments of the previous version of the plugin, and after a rollback those of the next version. So a format
// may change only if CHECK, DEL and GC know the old and the new one, and if the previous version removes an attachment with the new one.
func TestFormats_MatchGoldenFile(t *testing.T) {
	harness.NeedRoot(t) // its programs are BPF
	const longest = "interface012345"
	long := strings.Repeat("x", 108)
	var sections []string
	for _, c := range []struct {
		name, network, containerID, ifName, setup string
		keys                                      m
	}{
		{"layer 2", "vms", "0123abcd", "net1", "", both()},
		{"tapName", "vms", "0123abcd", "eth0", "", join(handedFor("eth0"), tapNamed("vm0"), both())},
		{"redirect", "vms", "0123abcd", "eth0", "", join(redirected("eth0"), both())},
		{"redirect and tapName, no limits", "vms", "0123abcd", "eth0", "", join(redirected("eth0"), tapNamed("vm0"))},
		{"redirect, foreign qdisc", "vms", "0123abcd", "eth0", "tc qdisc add dev eth0 clsact", join(redirected("eth0"), both())},
		{"layer 2, long names", long, long, longest, "", both()},
		{"redirect, long names", long, long, longest, "", join(redirected(longest), both())},
	} {
		h := &takeover{Host: harness.NewHost(t), t: t}
		h.ContainerID = c.containerID
		if c.keys["redirect"] != nil {
			h.wire(c.ifName)
		}
		h.sh(c.setup)
		h.Run("ADD", c.ifName, conf(t, m{"name": c.network}, c.keys)).WantOK()
		sections = append(sections, "# "+c.name+"\n"+h.formats())
	}
	got, want := strings.Join(sections, "\n"), harness.ReadFile(t, filepath.Join("testdata", "formats.golden"))
	if got != want {
		t.Errorf("only in the golden file:\n%s\nonly in the kernel:\n%s\neverything in the kernel:\n%s", without(want, got), without(got, want), got)
	}
}

// formats describes the devices of the pod that have an alias, the qdiscs that have a handle, and the filters.
func (h *takeover) formats() string {
	h.t.Helper()
	var links []harness.Device
	var qdiscs []struct{ Kind, Handle, Dev string }
	h.decode(&links, "ip -json -details link")
	h.decode(&qdiscs, "tc -json qdisc")
	var b strings.Builder
	for _, l := range links {
		if l.Alias != "" {
			fmt.Fprintf(&b, "device %s, %s: alias %s\n", l.Name, l.Details.Kind, l.Alias)
		}
	}
	for _, q := range qdiscs {
		if q.Handle == "0:" {
			continue // the kernel's default
		}
		if q.Handle >= "8000:" && q.Handle != "ffff:" {
			q.Handle = "chosen by the kernel"
		}
		fmt.Fprintf(&b, "qdisc %s of %s: handle %s\n", q.Kind, q.Dev, q.Handle)
		switch q.Kind {
		case "clsact":
			b.WriteString(h.filterFormats(q.Dev, "ingress") + h.filterFormats(q.Dev, "egress"))
		case "ingress":
			b.WriteString(h.filterFormats(q.Dev, "ingress"))
		}
	}
	return b.String()
}

// filterFormats describes the filters for one direction of a device.
func (h *takeover) filterFormats(device, direction string) string {
	h.t.Helper()
	var filters []struct {
		Kind, Protocol string
		Pref           int
		Options        struct {
			Name    string `json:"bpf_name"`
			Actions []struct {
				Kind string
				To   string `json:"to_dev"`
			}
		}
	}
	h.decode(&filters, "tc -json filter show dev "+device+" "+direction)
	var b strings.Builder
	for _, f := range filters {
		about := fmt.Sprintf("filter %s of %s, %s: priority %d, protocol %s, ", f.Kind, device, direction, f.Pref, f.Protocol)
		if f.Options.Name != "" {
			b.WriteString(about + "name " + f.Options.Name + "\n")
		}
		for _, action := range f.Options.Actions {
			b.WriteString(about + action.Kind + " to " + action.To + "\n")
		}
	}
	return b.String()
}

// decode decodes what a program prints in the pod.
func (h *takeover) decode(value any, command string) {
	h.t.Helper()
	out := h.sh(command)
	if err := json.Unmarshal([]byte(out), value); err != nil {
		h.t.Fatalf("%s: %v: %s", command, err, out)
	}
}
