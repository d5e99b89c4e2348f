package cost

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tap/test/harness"
)

// Names in a count of system calls.
type count map[string]int

// scheduling is the Go runtime's own affair, and differs from run to run.
var scheduling = []string{
	"futex", "nanosleep", "mmap", "munmap", "madvise", "clone", "clone3", "gettid", "getpid", "tgkill", "sched_yield", "epoll_pwait",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "sched_getaffinity", "pread64", "total",
}

// An ADD makes these calls more than a Go program that prints a line. One more has
// its reason, and its line here.
func TestSystemCallsOfAnAdd(t *testing.T) {
	layer2 := count{
		"close_range": 1, // what the runtime left open is not for children
		"read":        2, // the configuration, and its end
		"openat":      3, // both namespaces, /dev/net/tun
		"fstatfs":     1, // is it a namespace
		"fstat":       2, // is it the plugin's own
		"ioctl":       3, // is it a network namespace, TUNSETIFF, TUNSETPERSIST
		"setns":       2, // there and back
		"socket":      1,
		"setsockopt":  1, // extended acknowledgements
		"sendto":      3, // what the kernel made, the settings, what became of it
		"recvfrom":    3,
		"ppoll":       1, // does the runtime take the result at once
		"close":       4,
	}
	everything := maps.Clone(layer2)
	everything["ioctl"] += 2 // TUNSETOWNER, TUNSETGROUP
	for name, c := range map[string]struct {
		keys string
		want count
	}{
		"layer 2":  {``, layer2},
		"all keys": {`, "owner": 1000, "group": 1000, "mtu": 1400, "mac": "02:00:00:00:00:05", "txQueueLen": 100, "allmulti": true`, everything},
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			add := host.Command("ADD", "net1", `{"cniVersion": "1.1.0", "name": "vms", "type": "tap"`+c.keys+`}`)
			empty := exec.Command(harness.Bin(t, "empty"))
			got := callsOf(t, host, add)
			for call, n := range callsOf(t, host, empty) {
				got[call] -= n
			}
			maps.DeleteFunc(got, func(call string, n int) bool { return n <= 0 || slices.Contains(scheduling, call) })
			for call, n := range got {
				if n > c.want[call] {
					t.Errorf("%s\nwant %d\ngot  %d", call, c.want[call], n)
				}
			}
			for call, n := range c.want {
				if n > got[call] {
					t.Errorf("%s: there are fewer than %d now, %d: lower the number", call, n, got[call])
				}
			}
		})
	}
}

// callsOf runs a command under strace.
func callsOf(t *testing.T, host *harness.Host, cmd *exec.Cmd) count {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(t.TempDir(), "calls")
	cmd.Args = append([]string{"strace", "-f", "-c", "-U", "calls,name", "-o", table, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = strace
	host.Finish(cmd).WantOK()
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	counted := count{}
	for line := range strings.Lines(string(text)) {
		var name string
		var n int
		if _, err := fmt.Sscan(line, &n, &name); err == nil { // else a headline
			counted[name] = n
		}
	}
	if counted["execve"] == 0 {
		t.Fatalf("strace counted nothing: %s", text)
	}
	return counted
}
