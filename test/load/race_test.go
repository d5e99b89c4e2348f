package load

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tap/test/harness"
)

// The specification lets a runtime run one verb of a container at a time. These
// tests are about runtimes that crashed, came back, and do not know of the verb
// that still runs.

// apart starts verbs of an attachment up to some milliseconds apart, and waits for them all.
func (m *machine) apart(random *rand.Rand, span time.Duration, a *attachment, verbs ...string) []outcome {
	running := make([]*process, len(verbs))
	delays := make([]time.Duration, len(verbs))
	for i := range delays {
		delays[i] = time.Duration(random.Int64N(int64(span)))
	}
	begin := time.Now()
	together(len(verbs), verbs, func(i int, verb string) {
		time.Sleep(time.Until(begin.Add(delays[i])))
		running[i] = m.start(verb, a)
	})
	ended := make([]outcome, len(verbs))
	together(len(verbs), running, func(i int, p *process) { ended[i] = m.wait(p) })
	return ended
}

const (
	codeNameTaken = 100
	milliseconds  = time.Millisecond
)

// sorts are the attachments that the races are about.
func (m *machine) sorts(p *pod) []*attachment {
	return []*attachment{
		m.attachment(p, "net1", m.hostLocal()),
		m.attachment(p, "net2", m.hostLocal(), egress),
		m.attachment(p, "net3", egress, queues),
		m.attachment(p, "net4", m.hostLocal(), egress, queues),
	}
}

// The name is the lock: exactly one of several ADDs wins, and keeps its device and
// its reservation. The losers change nothing.
func TestAddBesideItselfExactlyOneWins(t *testing.T) {
	t.Parallel()
	m, random := newMachine(t, 1), random(t)
	for i := range rounds(40, 0.1) {
		a := m.sorts(m.pods[0])[i%4]
		verbs := []string{"ADD", "ADD", "ADD"}[:2+i%2]
		won := 0
		for _, o := range m.apart(random, 6*milliseconds, a, verbs...) {
			switch {
			case o.ok():
				won++
				a.result = o.stdout
			case o.code() != codeNameTaken:
				t.Errorf("seed %d, round %d: %v", *seed, i, o)
			}
		}
		if won != 1 {
			t.Fatalf("seed %d, round %d: %d of the ADDs of %s succeeded", *seed, i, won, a)
		}
		m.account(fmt.Sprintf("seed %d, round %d", *seed, i), []*attachment{a})
		m.wantItsDevice(a)
		m.must("CHECK", a)
		m.must("DEL", a)
		m.account(fmt.Sprintf("seed %d, round %d, after DEL", *seed, i), nil)
		if t.Failed() {
			return
		}
	}
}

// wantItsDevice fails where the device is another than the result tells of.
func (m *machine) wantItsDevice(a *attachment) {
	m.t.Helper()
	var result harness.Result
	m.Must(json.Unmarshal([]byte(a.result), &result))
	for _, device := range m.devices(a.pod.ns) {
		if device.Name == a.ifname && device.MAC == result.Interfaces[0].MAC {
			return
		}
	}
	m.t.Errorf("seed %d: the device of %s is not the one of the result: %s", *seed, a, a.result)
}

// Whatever becomes of an ADD and a DEL of it at once: the next DEL leaves nothing.
func TestAddBesideDelLeavesNothing(t *testing.T) {
	t.Parallel()
	m, random := newMachine(t, 1), random(t)
	added := 0
	for i := range rounds(60, 0.1) {
		a := m.sorts(m.pods[0])[i%4]
		verbs := [][]string{{"ADD", "DEL"}, {"ADD", "DEL", "DEL"}, {"ADD", "DEL", "ADD"}}[i%3]
		for _, o := range m.apart(random, 20*milliseconds, a, verbs...) {
			switch {
			case o.verb == "ADD" && o.ok():
				added++
			case o.verb == "DEL" && !o.ok(), !o.ok() && o.code() == 0:
				t.Errorf("seed %d, round %d: %v", *seed, i, o)
			}
		}
		m.must("DEL", a)
		m.account(fmt.Sprintf("seed %d, round %d", *seed, i), nil)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d ADDs succeeded", added)
}

// DEL may be sent any number of times, also at once.
func TestDelBesideItselfLeavesNothing(t *testing.T) {
	t.Parallel()
	m, random := newMachine(t, 1), random(t)
	for i := range rounds(24, 0.1) {
		a := m.sorts(m.pods[0])[i%4]
		m.must("ADD", a)
		for _, o := range m.apart(random, 10*milliseconds, a, "DEL", "DEL", "DEL") {
			if !o.ok() {
				t.Errorf("seed %d, round %d: %v", *seed, i, o)
			}
		}
		m.account(fmt.Sprintf("seed %d, round %d", *seed, i), nil)
		if t.Failed() {
			return
		}
	}
}
