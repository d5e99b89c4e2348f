package e2e

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// An ADD that is killed at any of the calls by which it changes something leaves
// no device, or one that the next DEL finds, and nothing else.
func TestAddKilledAtEachCall(t *testing.T) {
	for name, sweep := range map[string]struct {
		call     uint64
		describe func(*harness.Point) string
		must     []string // the calls that the sweep is about
	}{
		"ioctl": {unix.SYS_IOCTL, func(p *harness.Point) string { return fmt.Sprint(p.Args[1]) }, []string{
			fmt.Sprint(unix.TUNSETIFF), fmt.Sprint(unix.TUNSETOWNER), fmt.Sprint(unix.TUNSETGROUP), fmt.Sprint(unix.TUNSETPERSIST),
		}},
		"sendto": {unix.SYS_SENDTO, func(p *harness.Point) string { return fmt.Sprint(p.NetlinkType()) }, []string{
			fmt.Sprint(unix.RTM_GETLINK), fmt.Sprint(unix.RTM_SETLINK), fmt.Sprint(unix.RTM_NEWADDR), fmt.Sprint(unix.RTM_NEWROUTE),
		}},
		"sendmsg": {unix.SYS_SENDMSG, func(*harness.Point) string { return "" }, nil},
		"write": {unix.SYS_WRITE, func(p *harness.Point) string { return string(p.Data[:]) }, []string{
			"cniVersion", // of the result
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var points []string
			for n := 1; ; n++ {
				point := addKilledAt(t, n, sweep.call)
				if point == nil {
					break
				}
				points = append(points, sweep.describe(point))
			}
			t.Logf("killed at %d calls", len(points))
			for _, want := range sweep.must {
				if !strings.Contains(strings.Join(points, "\n"), want) {
					t.Errorf("never killed at %s, but at %q", want, points)
				}
			}
		})
	}
}

// addKilledAt runs an ADD that is killed at its nth call, then DEL, and looks at
// what is left; nil if the ADD has fewer such calls.
func addKilledAt(t *testing.T, n int, call uint64) *harness.Point {
	t.Helper()
	host := harness.NewHost(t)
	before := host.Snapshot()
	config := conf(t, owned(), m{"mtu": 1400, "multiQueue": true}, fake(m{
		"ips":    []any{m{"address": "192.0.2.2/24", "gateway": "192.0.2.1"}, m{"address": "2001:db8::2/64", "gateway": "2001:db8::1"}},
		"routes": []any{m{"dst": "0.0.0.0/0"}, m{"dst": "::/0"}},
	}))
	point := host.KillAt(host.Command("ADD", "net1", config), n, call)
	if point == nil {
		host.MustDevice("net1")
	}
	host.Run("DEL", "net1", config).WantOK()
	host.WantSame(before)
	return point
}
