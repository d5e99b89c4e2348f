package load

import (
	"fmt"
	"testing"
	"time"
)

const codeConfig = 7

// An ADD that fails takes back what it did, and nothing of what another ADD of the
// same attachment does: it has the name until all is undone.
func TestAddThatFailsBesideOneThatDoesNot(t *testing.T) {
	t.Parallel()
	m, random := newMachine(t, 1), random(t)
	tries := 0
	for i := range rounds(45, 0.1) {
		keys := [][]object{{m.hostLocal()}, {m.hostLocal(), egress}, {m.hostLocal(), egress, queues}}[i%3]
		good, bad := m.attachment(m.pods[0], "net1", keys...), m.attachment(m.pods[0], "net1", keys...)
		bad.conf["mtu"] = 1000 // too small for the address of IPv6, of which only IPAM tells
		failing := m.start("ADD", bad)
		time.Sleep(time.Duration(random.Int64N(int64(10 * milliseconds)))) // usually it has the name by then
		var o outcome
		for o = m.run("ADD", good); o.code() == codeNameTaken; o = m.run("ADD", good) {
			tries++
		}
		switch failed := m.wait(failing); {
		case failed.ok(), failed.code() != codeConfig && failed.code() != codeNameTaken:
			t.Errorf("seed %d, round %d: %v", *seed, i, failed)
		case !o.ok():
			t.Errorf("seed %d, round %d: beside one that failed: %v", *seed, i, o)
		default:
			m.must("CHECK", good)
		}
		m.account(fmt.Sprintf("seed %d, round %d", *seed, i), []*attachment{good})
		m.must("DEL", good)
		m.account(fmt.Sprintf("seed %d, round %d, after DEL", *seed, i), nil)
		if t.Failed() {
			return
		}
	}
	t.Logf("the good one was refused %d times before it succeeded", tries)
}
