package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

// An ADD that is killed at any of the calls by which it changes something leaves
// no device, or one that the next DEL finds, and nothing else.
//
// strace counts the calls of each thread by itself, and the Go runtime chooses
// the threads: the sweep is repeated until it has killed at every call that matters.
func TestAddKilledAtEachCall(t *testing.T) {
	for call, must := range map[string][]string{
		"ioctl":   {"TUNSETIFF", "TUNSETOWNER", "TUNSETGROUP", "TUNSETPERSIST"},
		"sendto":  {"nlmsg_type=0x12", "nlmsg_type=0x13", "nlmsg_type=0x14", "nlmsg_type=0x18"}, // RTM_GETLINK, SETLINK, NEWADDR, NEWROUTE
		"sendmsg": {},
		"write":   {"cniVersion"},
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			points := map[string]bool{}
			for round := 1; round <= 20; round++ {
				for n := 1; ; n++ {
					point := killedAt(t, call, n)
					if point == "" {
						break // no thread makes n such calls
					}
					points[point] = true
				}
				if round >= 2 && len(missing(points, must)) == 0 {
					return
				}
			}
			t.Errorf("never killed at %v, but at %v", missing(points, must), points)
		})
	}
}

// missing lists the texts that are in none of the points.
func missing(points map[string]bool, must []string) []string {
	var list []string
	for _, text := range must {
		if !anyContains(points, text) {
			list = append(list, text)
		}
	}
	return list
}

func anyContains(set map[string]bool, text string) bool {
	for s := range set {
		if strings.Contains(s, text) {
			return true
		}
	}
	return false
}

// killedAt runs an ADD that is killed where one of its threads makes its nth
// call of that kind, then DEL, and returns the call; empty if it was not killed.
func killedAt(t *testing.T, call string, n int) string {
	t.Helper()
	host := harness.NewHost(t)
	before := host.Snapshot()
	config := conf(t, owned(), m{"mtu": 1400, "multiQueue": true}, fake(m{
		"ips":    []any{m{"address": "192.0.2.2/24", "gateway": "192.0.2.1"}, m{"address": "2001:db8::2/64", "gateway": "2001:db8::1"}},
		"routes": []any{m{"dst": "0.0.0.0/0"}, m{"dst": "::/0"}},
	}))
	log := filepath.Join(t.TempDir(), "strace")
	cmd := host.Command("ADD", "net1", config)
	strace(cmd, log, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, n))
	got := host.Finish(cmd)
	point := lastBeforeKill(t, log)
	if point == "" {
		got.WantOK()
	}
	host.Run("DEL", "net1", config).WantOK()
	host.WantSame(before)
	return point
}

// lastBeforeKill is the call at whose entry the plugin was killed: the last
// that began and did not return.
func lastBeforeKill(t *testing.T, log string) string {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "+++ killed by SIGKILL") {
		return ""
	}
	last := "(none)"
	for _, line := range wholeCalls(string(data)) {
		if strings.HasSuffix(line, "= ?") {
			last = line
		}
	}
	return last
}
