// Package harness drives the built plugin as a runtime does, in namespaces of
// its own. What it finds out about the kernel it asks other programs (ip, /proc),
// never the code under test.
package harness

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"

	"tap/test/isolate"
	"tap/test/netns"
)

// Host is a machine in small: a node namespace in which the plugin runs, a pod
// namespace for the container, and an IPAM store.
type Host struct {
	t           testing.TB
	Node, Pod   *netns.Netns
	Store       string // folder for the IPAM plugins; $STORE in configurations
	Plugin      string // path of the plugin under test
	ContainerID string
}

// NewHost makes a host, gone at the end of the test. It skips the test if /dev/net/tun cannot be opened.
func NewHost(t testing.TB) *Host {
	t.Helper()
	if err := isolate.Unavailable(); err != nil {
		Skip(t, "needs root, or a user namespace: "+err.Error())
	}
	if !isolate.Inside() {
		t.Fatal("the tests of this package are not on a machine of their own: call isolate.Run in TestMain")
	}
	NeedTun(t)
	return &Host{
		t: t, Node: NewNetns(t), Pod: NewNetns(t), Store: t.TempDir(),
		Plugin: Plugin(t), ContainerID: "container1",
	}
}

// In is the same host for a part of the test, which is the one to fail.
func (h *Host) In(t testing.TB) *Host {
	in := *h
	in.t = t
	return &in
}

// Plugin returns the path of the plugin under test: bin/tap, or what TAP_PLUGIN names.
func Plugin(t testing.TB) string {
	if path := os.Getenv("TAP_PLUGIN"); path != "" {
		return path
	}
	return Bin(t, "tap")
}

// BinDir is where `make build` and `make tools` put what the tests run.
func BinDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("TAP_BIN"); dir != "" {
		return dir
	}
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the harness does not know where its source is; set TAP_BIN")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "bin")
}

// Bin is the path of a built program.
func Bin(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(BinDir(t), name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run the tests with `make test`", err)
	}
	return path
}

// Run executes one verb for one interface, with $STORE, $NETNS and the like
// replaced in the configuration.
func (h *Host) Run(verb, ifname, conf string, env ...string) Got {
	h.t.Helper()
	return h.Finish(h.Command(verb, ifname, conf, env...))
}

// Command returns the plugin's process, not yet started, as Run starts it. It skips the test if the configuration names an owner or a
// group that this process's user namespace does not have.
func (h *Host) Command(verb, ifname, conf string, env ...string) *exec.Cmd {
	h.t.Helper()
	if NamesOwner(conf) {
		NeedUsers(h.t)
	}
	cmd := exec.Command(h.Plugin)
	cmd.Stdin = strings.NewReader(h.Expand(conf))
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"GORACE=" + os.Getenv("GORACE"), // for a plugin that was built with the race detector
		"CNI_COMMAND=" + verb,
		"CNI_CONTAINERID=" + h.ContainerID,
		"CNI_NETNS=" + h.Pod.Path(),
		"CNI_IFNAME=" + ifname,
		"CNI_PATH=" + BinDir(h.t),
	}, env...)
	return cmd
}

// NamesOwner reports whether a configuration restricts the tap to a user or a group.
func NamesOwner(conf string) bool {
	lower := strings.ToLower(conf)
	return strings.Contains(lower, `"owner"`) || strings.Contains(lower, `"group"`)
}

// Finish runs a Command to its end.
func (h *Host) Finish(cmd *exec.Cmd) Got {
	h.t.Helper()
	return h.FinishWithin(cmd, 2*time.Minute).Got // a hanging plugin must not hang the tests
}

// Begin starts a Command, and returns what is to be called for what it left.
func (h *Host) Begin(cmd *exec.Cmd) func(t testing.TB) Got {
	h.t.Helper()
	done := make(chan Got, 1)
	go func() { done <- h.Finish(cmd) }()
	return func(t testing.TB) Got {
		got := <-done
		got.t = t
		return got
	}
}

// Expand replaces $STORE and $NETNS.
func (h *Host) Expand(conf string) string {
	return os.Expand(conf, func(name string) string {
		switch name {
		case "STORE":
			return h.Store
		case "NETNS":
			return h.Pod.Path()
		}
		return "$" + name
	})
}

// WithPrev is the configuration with a result as its prevResult, as runtimes
// pass it to CHECK and DEL.
func (h *Host) WithPrev(conf string, result Got) string {
	h.t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(h.Expand(conf)), &fields); err != nil {
		h.t.Fatalf("configuration: %v", err)
	}
	fields["prevResult"] = json.RawMessage(result.Stdout)
	out, err := json.Marshal(fields)
	if err != nil {
		h.t.Fatalf("configuration: %v", err)
	}
	return string(out)
}

// Exec runs a program in the pod's namespace and returns what it printed.
func (h *Host) Exec(name string, args ...string) string {
	h.t.Helper()
	out, err := h.Pod.Output(name, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// Snapshot returns all that an attachment could have changed: Network, and the IPAM reservations.
func (h *Host) Snapshot() string {
	h.t.Helper()
	return h.Network() + fmt.Sprintf("## reservations\n%s\n", strings.Join(h.Reservations(), "\n"))
}

// Network returns the links, addresses, routes, qdiscs and IPv6 switches of both namespaces.
func (h *Host) Network() string {
	h.t.Helper()
	var b strings.Builder
	for _, side := range []struct {
		name string
		ns   *netns.Netns
	}{{"node", h.Node}, {"pod", h.Pod}} {
		// few processes, which take most of the time of many tests
		out, err := side.ns.Output("sh", "-ec", `printf 'link\naddr\nroute show table all\n' | ip -o -batch -
			echo "disable_ipv6 of lo: $(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6)"; exec tc qdisc`)
		if err != nil {
			h.t.Fatalf("snapshot: %v", err)
		}
		fmt.Fprintf(&b, "## %s\n%s", side.name, settled(out))
	}
	return b.String()
}

// carrier is how ip shows the state of the carrier, which the kernel notes in its own time.
var carrier = regexp.MustCompile(` linkdown|NO-CARRIER,|,LOWER_UP| state [A-Z]+`)

// settled leaves out what the kernel adds and changes by itself.
func settled(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "fe80::") && !strings.Contains(line, "ff00::") {
			b.WriteString(carrier.ReplaceAllString(line, ""))
		}
	}
	return b.String()
}

// WantSame fails where anything differs from a snapshot taken before.
func (h *Host) WantSame(before string) {
	h.t.Helper()
	if after := h.Snapshot(); after != before {
		h.t.Errorf("something was left behind or taken away\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// Reservations are the addresses that host-local or the fake IPAM plugin hold,
// each with its owner.
func (h *Host) Reservations() []string {
	h.t.Helper()
	var held []string
	err := filepath.WalkDir(h.Store, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if err != nil || d.IsDir() || name == "lock" || name == "calls" || strings.HasPrefix(name, "last_reserved_ip") {
			return err
		}
		owner, err := os.ReadFile(path)
		held = append(held, name+" "+strings.ReplaceAll(strings.TrimSpace(string(owner)), "\r\n", " "))
		return err
	})
	if err != nil {
		h.t.Fatalf("read the IPAM store: %v", err)
	}
	sort.Strings(held)
	return held
}
