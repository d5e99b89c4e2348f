package load

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tap/test/harness"
)

// The specification forbids GC beside ADD. These tests say what holds all the same:
// GC takes nothing that is listed, and nothing that is not committed.

// What a runtime lists before it begins is never collected, at whatever moment of
// ADD or DEL a GC comes; what it does not list goes.
func TestGCBesideEverythingTakesNothingListed(t *testing.T) {
	t.Parallel()
	m, random := newMachine(t, 16), random(t)
	all := m.mixed(96)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var listed, forgotten []*attachment
	for i, a := range all {
		if i%4 == 0 && !a.ipam() { // which host-local would not collect
			forgotten = append(forgotten, a)
		} else {
			listed = append(listed, a)
		}
	}
	together(8, forgotten, func(_ int, a *attachment) { m.must("ADD", a) })
	stop := m.loopGC(listed)
	living := make([]bool, len(listed))
	for round := range rounds(3, 0.1) {
		together(8, listed, func(i int, a *attachment) {
			random := stream(round<<24 | i + 1)
			switch {
			case !living[i]:
				m.must("ADD", a)
				m.must("CHECK", a)
				living[i] = true
			case random.IntN(3) == 0:
				m.must("CHECK", a)
			default:
				m.must("DEL", a)
				a.result, living[i] = "", false
			}
		})
		if t.Failed() {
			break
		}
	}
	collections := stop()
	var left []*attachment
	for i, a := range listed {
		if living[i] {
			left = append(left, a)
		}
	}
	m.account(fmt.Sprintf("seed %d, after %d GCs", *seed, collections), left)
	t.Logf("%d GCs beside the verbs of %d attachments; %d forgotten ones are gone", collections, len(listed), len(forgotten))
}

// An ADD that is not listed is not touched until it commits, at whatever moment a GC
// comes. Here none can commit before the GCs end: IPAM waits for the gate.
func TestGCTouchesNoAddInFlight(t *testing.T) {
	t.Parallel()
	m := newMachine(t, 6)
	collections := 0
	for round := range rounds(3, 0.1) {
		gate := filepath.Join(m.dir, fmt.Sprintf("gate%d", round)) // a plain file, as may lie there
		waits := m.fake(object{"wait": object{"ADD": gate}})
		var all []*attachment
		for i, keys := range slices.Repeat([][]object{{}, {egress}, {queues}, {egress, queues}}, 6) {
			all = append(all, m.attachment(m.pods[i%len(m.pods)], fmt.Sprintf("net%d", i), append(keys, waits)...))
		}
		stops := []func() int{m.loopGC(nil), m.loopGC(nil)}
		running := make([]*process, len(all))
		together(8, all, func(i int, a *attachment) { running[i] = m.start("ADD", a) })
		m.eventually("IPAM is asked by all", func() bool { return m.asked("ADD") == (round+1)*len(all) })
		const enough = 60 // GCs, each of which takes longer than what an ADD has still to do
		seen, last := map[*attachment]bool{}, m.collections.Load()+enough
		m.eventually("all devices are complete", func() bool { return m.complete(all, seen) || m.collections.Load() > last })
		if !m.complete(all, seen) {
			t.Fatalf("seed %d: not all devices of ADDs in flight are complete: %+v", *seed, seen)
		}
		for _, stop := range stops {
			collections += stop()
		}
		m.Must(os.WriteFile(gate, nil, 0o600))
		for i, a := range all {
			if o := m.wait(running[i]); !o.ok() {
				t.Errorf("round %d: %v", round, o)
			} else {
				a.result = o.stdout
				m.must("CHECK", a) // of the limits as well
			}
		}
		m.accountDevices(fmt.Sprintf("round %d", round), all)
		together(8, all, func(_ int, a *attachment) { m.must("DEL", a) })
		m.account(fmt.Sprintf("round %d, after DEL", round), nil)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d GCs beside ADDs in flight", collections)
}

// complete says whether all that precedes IPAM's answer is done. What was seen once
// has to stay.
func (m *machine) complete(all []*attachment, seen map[*attachment]bool) bool {
	m.t.Helper()
	done := map[*attachment]bool{}
	for _, p := range m.pods {
		devices := m.devices(p.ns)
		qdiscs, err := p.ns.Output("tc", "qdisc", "show")
		m.Must(err)
		for _, a := range all {
			alias := "tap/" + m.network + "/" + a.pod.id + "/" + a.ifname
			done[a] = done[a] || a.pod == p &&
				slices.ContainsFunc(devices, func(d harness.Device) bool { return d.Alias == alias && d.Up() }) &&
				(!a.egress() || strings.Contains(qdiscs, "ingress ffff: dev "+a.ifname+" "))
		}
	}
	for _, a := range all {
		if seen[a] && !done[a] {
			m.t.Fatalf("seed %d: %s lost what it had, in flight: %+v", *seed, a, m.devices(a.pod.ns))
		}
		seen[a] = done[a]
	}
	return !slices.ContainsFunc(all, func(a *attachment) bool { return !done[a] })
}

// An ADD that commits while a GC runs that was not told of it may be collected
// right away; but it succeeds, and nothing is left after the next GC.
func TestGCThatKnowsNothingBreaksNoAdd(t *testing.T) {
	t.Parallel()
	m := newMachine(t, 8)
	var all []*attachment
	for _, a := range m.mixed(96) {
		if !a.ipam() {
			all = append(all, a)
		}
	}
	stop := m.loopGC(nil)
	for range rounds(2, 0.1) {
		together(8, all, func(_ int, a *attachment) { m.must("ADD", a) })
		together(8, all, func(_ int, a *attachment) { m.must("DEL", a); a.result = "" })
	}
	together(8, all, func(_ int, a *attachment) { m.must("ADD", a) })
	t.Logf("%d GCs", stop())
	m.gc(nil)
	m.account("after the last GC", nil)
}
