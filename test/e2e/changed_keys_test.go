package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"tap/test/harness"
)

// TestDel_ChangedConfiguration_RemovesAttachment runs DEL with a configuration that differs from the one that ADD had. DEL must
// remove everything that ADD made, except a reservation of an IPAM plugin that the configuration does not name any more.
func TestDel_ChangedConfiguration_RemovesAttachment(t *testing.T) {
	testChanges(t, func(change) bool { return true }, func(h *attachmentHost, made, now request) {
		got := h.run("DEL", now)
		if unreadable(now.keys["ipam"]) {
			got.WantError(codeConfig, "ipam")
		} else {
			got.WantOK()
		}
		h.wantRemoved(made, made.keys["ipam"] == nil || text(h.t, now.keys["ipam"]) == text(h.t, made.keys["ipam"]))
	})
}

// TestGC_ChangedConfiguration_RemovesAttachment runs GC with a configuration that differs from the one that ADD had. The
// reservation stays in any case, because host-local does not support GC. Of the keys of modes GC reads only ipam, so the other keys
// are not changed one at a time.
func TestGC_ChangedConfiguration_RemovesAttachment(t *testing.T) {
	tried := func(c change) bool {
		return strings.HasPrefix(c.name, "everything") || strings.HasPrefix(c.name, "ipam")
	}
	testChanges(t, tried, func(h *attachmentHost, made, now request) {
		if !unreadable(now.keys["ipam"]) {
			h.collect(now, h.known()).WantOK()
			h.wantRemoved(made, made.keys["ipam"] == nil)
			return
		}
		before := h.look()
		h.collect(now, h.known()).WantError(codeConfig, "ipam")
		h.wantLook(before)
		h.run("DEL", made).WantOK()
		h.wantAsBefore()
	})
}

// TestSweep_ForeignFilterOnOwnQdisc_IsKept adds a foreign filter to the qdisc that ADD made. DEL and GC must keep the filter and
// the qdisc, also with a configuration without redirect.
func TestSweep_ForeignFilterOnOwnQdisc_IsKept(t *testing.T) {
	kind := mode{name: "redirect", ifName: "eth0", request: request{keys: join(redirected("eth0"), both())}}
	for verb, remove := range map[string]func(*attachmentHost) harness.Got{
		"DEL": func(h *attachmentHost) harness.Got { return h.run("DEL", request{}) },
		"GC":  func(h *attachmentHost) harness.Got { return h.collect(request{}, h.known()) },
	} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			h := newAttachmentHost(t, kind, harness.Plugin(t))
			h.add()
			h.sh("tc filter add dev eth0 ingress prio 1 protocol 0x88b6 u32 match u32 0 0 flowid :1")
			remove(h).WantOK()
			h.sh("tc filter del dev eth0 ingress prio 1; tc qdisc del dev eth0 clsact") // fails if one is gone
			h.wantAsBefore()
		})
	}
}

// testChanges runs the test for each mode and each change that tried accepts. The test gets a host with an attachment, the
// unchanged request and the changed one. Both have the result of ADD as prevResult.
func testChanges(t *testing.T, tried func(change) bool, test func(h *attachmentHost, made, now request)) {
	t.Helper()
	for _, kind := range modes() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			plugin := harness.Plugin(t)
			var h *attachmentHost
			for _, c := range changes(t, kind) {
				if !tried(c) {
					continue
				}
				if h == nil {
					h = newAttachmentHost(t, kind, plugin)
				}
				passed := t.Run(c.name, func(t *testing.T) {
					h := h.with(t, plugin)
					made := h.add()
					now := request{maps.Clone(made.keys), made.args}
					c.apply(&now)
					if c.renamed {
						h.Plugin = plugin
					}
					test(h, made, now)
				})
				if !passed {
					h = nil // the next change gets a new host
				}
			}
		})
	}
}

// wantRemoved fails unless the network is as it was before ADD. If released is true, the reservation must be gone as well. If it is
// false, the reservation must exist until DEL gets the unchanged request, which names the IPAM plugin.
func (h *attachmentHost) wantRemoved(made request, released bool) {
	h.t.Helper()
	if released {
		h.wantAsBefore()
		return
	}
	if held := strings.Join(h.Reservations(), "\n"); !strings.Contains(held, leased) {
		h.t.Errorf("the reservation of %s is gone; the IPAM plugin holds %s", leased, held)
	}
	if after := h.Network() + h.filters(); after != h.bare {
		h.t.Errorf("something was left behind or taken away\nbefore:\n%s\nafter:\n%s", h.bare, after)
	}
	h.run("DEL", made).WantOK()
	h.wantAsBefore()
}

// wantLook fails unless the host is as it was.
func (h *attachmentHost) wantLook(before string) {
	h.t.Helper()
	if after := h.look(); after != before {
		h.t.Errorf("something was left behind or taken away\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// change is a change of a request between ADD and the verb that removes the attachment.
type change struct {
	name    string
	apply   func(*request)
	renamed bool // the plugin is executed as tap, whatever the mode says
}

// changes returns the changes for attachments of a mode.
func changes(t *testing.T, kind mode) []change {
	t.Helper()
	var list []change
	keys := slices.Sorted(maps.Keys(join(kind.keys, m{"prevResult": nil})))
	for _, key := range keys {
		other, ok := otherValues[key]
		if !ok {
			t.Fatalf("otherValues has no %q", key)
		}
		list = append(list,
			change{name: key + " removed", apply: func(r *request) { delete(r.keys, key) }},
			change{name: key + " changed", apply: func(r *request) { r.keys[key] = other }},
			change{name: key + " unreadable", apply: func(r *request) { r.keys[key] = wrongType(other) }},
		)
	}
	if kind.args != "" {
		list = append(list,
			change{name: "CNI_ARGS removed", apply: func(r *request) { r.args = "" }},
			change{name: "CNI_ARGS changed", apply: func(r *request) { r.args = "IgnoreUnknown=1;TC_REDIRECT_TAP_NAME=" + foreignTap }},
			change{name: "CNI_ARGS unreadable", apply: func(r *request) { r.args = "TC_REDIRECT_TAP_NAME" }},
		)
	}
	if kind.program != "" {
		list = append(list, change{name: "program renamed", apply: func(*request) {}, renamed: true})
	}
	for _, kept := range []string{"prevResult", "ipam"} {
		if slices.Contains(keys, kept) {
			list = append(list, change{name: "everything removed but " + kept, apply: func(r *request) {
				*r = request{keys: m{kept: r.keys[kept]}}
			}})
		}
	}
	return append(list,
		change{name: "everything removed", apply: func(r *request) { *r = request{} }},
		change{name: "everything changed", apply: func(r *request) { maps.Copy(r.keys, otherValues) }},
		change{name: "everything unreadable", apply: func(r *request) {
			for key, other := range otherValues {
				r.keys[key] = wrongType(other)
			}
		}},
		change{name: "everything of other modes added", apply: func(r *request) {
			for _, other := range modes() {
				r.keys = join(other.keys, r.keys)
			}
		}},
	)
}

// otherValues maps each key of modes to a valid value that no mode has.
var otherValues = m{
	"owner": 64003, "group": 64004, "multiQueue": false, "mtu": 1300, "mac": "02:00:00:00:00:99", "txQueueLen": 50,
	"promiscMode": false, "promisc": false, "allmulti": false, "bridge": "br9", "isolated": false,
	"bandwidth": limits(1_000_000, 0)["bandwidth"], "runtimeConfig": limits(0, 1_000_000), "capabilities": m{"ips": true},
	"args": m{"cni": m{"mac": "02:00:00:00:00:99"}}, "dns": m{"domain": "other.example"},
	"tapName": foreignTap, "forward": false, "acceptRA": false, "redirect": false, "ipam": m{"type": "static"},
	"prevResult": m{"cniVersion": "1.1.0", "interfaces": []any{m{"name": "eth0", "sandbox": "$NETNS"}}},
}

// wrongType returns a value of another type than that one.
func wrongType(value any) any {
	if _, is := value.(string); is {
		return 5
	}
	return "unreadable"
}

// unreadable reports whether the value is one that wrongType returns for an object.
func unreadable(value any) bool { return value == "unreadable" }
