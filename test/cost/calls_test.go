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

// count maps the name of a system call to how often it was made.
type count map[string]int

// scheduling are the calls by which the Go runtime schedules and allocates. Their number differs from run to run.
var scheduling = []string{
	"futex", "nanosleep", "mmap", "munmap", "madvise", "clone", "clone3", "gettid", "getpid", "tgkill", "sched_yield", "epoll_pwait",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "sched_getaffinity", "pread64", "total",
}

// Budgets for the system calls that an ADD makes beyond a Go program that prints a line.
const (
	// 44 are known: the configuration, two namespaces, TUNSETIFF and TUNSETPERSIST, four netlink requests, four sysctls
	// in the pod's namespace, the result.
	maxLayer2 = 46
	maxOwned  = 48 // TUNSETOWNER and TUNSETGROUP as well
)

func TestSystemCallsOfAnAdd(t *testing.T) {
	for name, c := range map[string]struct {
		keys string
		most int
	}{
		"layer 2":  {``, maxLayer2},
		"all keys": {`, "owner": 1000, "group": 1000, "mtu": 1400, "mac": "02:00:00:00:00:05", "txQueueLen": 100, "allmulti": true`, maxOwned},
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			add := host.Command("ADD", "net1", `{"cniVersion": "1.1.0", "name": "vms", "type": "tap"`+c.keys+`}`)
			got := callsOf(t, host, add)
			for call, n := range callsOf(t, host, exec.Command(harness.Bin(t, "empty"))) {
				got[call] -= n
			}
			maps.DeleteFunc(got, func(call string, n int) bool { return n <= 0 || slices.Contains(scheduling, call) })
			total := 0
			for _, n := range got {
				total += n
			}
			t.Logf("%d system calls: %v", total, got)
			if total > c.most || got["sendto"] == 0 {
				t.Errorf("system calls of an ADD\nwant at most %d\ngot  %d: %v", c.most, total, got)
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
	counted := parseTable(string(text))
	if counted["execve"] == 0 {
		t.Fatalf("strace counted nothing: %s", text)
	}
	return counted
}

// parseTable parses the table that strace -c -U calls,name prints. Lines before the rule below the headline do not
// belong to it: strace prints "42    ???(" there, with a thread ID, if a thread exits while strace reads its call.
func parseTable(text string) count {
	counted := count{}
	_, table, _ := strings.Cut(text, "\n---------")
	for line := range strings.Lines(table) {
		var name string
		var n int
		if _, err := fmt.Sscan(line, &n, &name); err == nil { // otherwise a rule
			counted[name] = n
		}
	}
	return counted
}

func TestParseTable(t *testing.T) {
	const table = "    calls syscall\n--------- ----------------\n        3 openat\n        1 execve\n--------- ----------------\n        4 total\n"
	want := count{"openat": 3, "execve": 1, "total": 4}
	for name, before := range map[string]string{"alone": "", "after a thread that exited": "42    ???(", "after a line": "42    ???( <unfinished ...>\n"} {
		if got := parseTable(before + table); !maps.Equal(got, want) {
			t.Errorf("parseTable, %s\nwant %v\ngot  %v", name, want, got)
		}
	}
}
