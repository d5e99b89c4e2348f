package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/test/harness"
)

// oldPlugin returns the path of the plugin of an earlier commit. It skips the test if make could not build that plugin.
func oldPlugin(t *testing.T) string {
	t.Helper()
	path := filepath.Join(harness.BinDir(t), "old", "tap")
	if _, err := os.Stat(path); err != nil {
		harness.Skip(t, "make tools could not build the plugin of an earlier commit: "+err.Error())
	}
	return path
}

// TestUpgrade_Attachment_IsHandledByOtherVersion runs CHECK, GC and DEL of the current plugin for attachments of an old one. Then it
// does the same in the other direction, because nodes are rolled back. ADD of both must store the same in the kernel: see
// TestFormats_MatchGoldenFile.
func TestUpgrade_Attachment_IsHandledByOtherVersion(t *testing.T) {
	old, current := oldPlugin(t), harness.Plugin(t)
	for _, kind := range upgradeModes() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			h := newAttachmentHost(t, kind, old)
			var byOld, byCurrent string
			if t.Run("upgrade", func(t *testing.T) { byOld = h.testHandover(t, old, current) }) {
				t.Run("rollback", func(t *testing.T) { byCurrent = h.testHandover(t, current, old) })
			}
			if !t.Failed() && byOld != byCurrent {
				t.Errorf("state after ADD\nonly with the old plugin:\n%s\nonly with the current plugin:\n%s", without(byOld, byCurrent), without(byCurrent, byOld))
			}
		})
	}
}

// upgradeModes returns modes, and more that differ in aliases, names of devices and filters, and qdiscs.
func upgradeModes() []mode {
	list := modes()
	for name, limit := range map[string]m{"ingress": limits(ingressRate, 0), "egress": limits(0, egressRate)} {
		list = append(list,
			mode{name: "limit of " + name, ifName: "net1", request: request{keys: limit}},
			mode{name: "tapName, limit of " + name, ifName: "eth0", request: request{keys: join(handedFor("eth0"), tapNamed("vm0"), limit)}},
			mode{name: "redirect, limit of " + name, ifName: "eth0", request: request{keys: join(redirected("eth0"), limit)}},
		)
	}
	const ifName, tapName = "interface012345", "tap012345678901" // the longest
	for _, names := range []int{107, 108} {                      // longer names are hashed
		list = append(list,
			mode{name: fmt.Sprintf("names of %d bytes", names), names: names, ifName: ifName, request: request{keys: both()}},
			mode{name: fmt.Sprintf("tapName, names of %d bytes", names), names: names, ifName: ifName, request: request{
				keys: join(handedFor("eth0"), tapNamed(tapName), both()),
			}},
			mode{name: fmt.Sprintf("redirect, names of %d bytes", names), names: names, ifName: ifName, request: request{
				keys: join(redirected(ifName), both()),
			}},
		)
	}
	return list
}

// testHandover makes attachments with the plugin of one path. The plugin of the other path checks and removes them, whole and
// without their tap. testHandover returns the state after ADD.
func (h *attachmentHost) testHandover(t *testing.T, from, to string) string {
	t.Helper()
	maker, handler := h.with(t, from), h.with(t, to)
	del := func(made request) { handler.run("DEL", made).WantOK() }
	gc := func(made request) {
		handler.collect(made, handler.known()).WantOK()
		if made.keys["ipam"] != nil { // host-local does not support GC
			del(made)
		}
	}
	made := maker.add()
	state, remains := maker.state(), maker.remains()
	handler.collect(made, handler.known(h.ContainerID, h.mode.ifName)).WantOK()
	handler.run("CHECK", made).WantOK() // after GC, which must keep the attachment
	del(made)
	handler.mustBeAsBefore()
	gc(maker.add())
	handler.mustBeAsBefore()

	for _, script := range remains {
		for _, remove := range []func(request){del, gc} {
			made := maker.add()
			maker.sh(script)
			remove(made)
			handler.mustBeAsBefore()
		}
	}
	if len(remains) > 0 && !h.mode.redirects() && made.keys["ipam"] == nil {
		maker.add()
		maker.sh(remains[0])
		del(handler.add()) // ADD replaces the egress device
		handler.mustBeAsBefore()
	}
	return state
}

// remains returns scripts that remove a part of the attachment, as far as DEL and GC must find the rest without that part.
func (h *attachmentHost) remains() []string {
	h.t.Helper()
	tap, egress := "", ""
	for _, name := range h.devices() {
		switch {
		case slices.Contains(h.others, name):
		case strings.HasPrefix(name, "ifb"):
			egress = name
		default:
			tap = name
		}
	}
	withoutTap := "ip link del " + tap
	switch {
	case h.mode.redirects():
		return []string{withoutTap}
	case egress != "":
		return []string{withoutTap, withoutTap + "; ip link set " + egress + " alias ''"} // ADD was killed before it set the alias
	}
	return nil
}

// mustBeAsBefore ends the test unless the host is as it was before ADD.
func (h *attachmentHost) mustBeAsBefore() {
	h.t.Helper()
	if h.wantAsBefore(); h.t.Failed() {
		h.t.FailNow()
	}
}

// state returns what ADD made, in a form in which two attachments of the same kind are equal.
func (h *attachmentHost) state() string {
	h.t.Helper()
	state := h.look() + h.sh("ip -d -o link; bridge -d link; grep . /proc/sys/net/ipv4/conf/*/arp_notify")
	state = linkLocal.ReplaceAllString(carrier.ReplaceAllString(state, ""), "")
	return varying.ReplaceAllStringFunc(state, func(found string) string {
		if strings.HasPrefix(found, "link/ether "+configuredMAC) || strings.HasPrefix(found, "ffff:") {
			return found
		}
		return "…"
	})
}

// configuredMAC is the beginning of the MAC addresses that the tests configure.
const configuredMAC = "02:00:00:00:00:"

var (
	// varying matches what the kernel chooses: indexes, random MAC addresses, handles of qdiscs, IDs and tags of programs. The tag
	// differs because a program has the index of a device.
	varying = regexp.MustCompile(`(?m)^\d+: |link/ether [0-9a-f:]+|\b[89a-f][0-9a-f]{3}: (?:dev|root)|\bid \d+|\btag [0-9a-f]+|\bindex \d+`)
	// linkLocal matches how a device gets its link-local address: without ipam it gets none, unlike with the old plugin.
	linkLocal = regexp.MustCompile(`addrgenmode \w+ `)
	// carrier matches the state of the carrier, which the kernel sets some time after ADD.
	carrier = regexp.MustCompile(`NO-CARRIER,|,LOWER_UP| state \w+`)
)

// without returns the lines of a text that another text does not have.
func without(text, other string) string {
	lines := strings.Split(other, "\n")
	return strings.Join(slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return slices.Contains(lines, line) }), "\n")
}
