package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tap/test/harness"
)

// IPAM plugins that misbehave, as shell scripts: ADD and DEL keep a reservation
// as a file, and the rest is what the test is about.

// hostileHost is a host whose processes can be told from those of all other tests.
func hostileHost(t *testing.T) *harness.Host {
	t.Helper()
	host := harness.NewHost(t)
	host.ContainerID = fmt.Sprintf("hostile-%d-%d", os.Getpid(), hostiles.Add(1))
	return host
}

var hostiles atomic.Int32

// impatient is a hostileHost whose plugin waits one second for IPAM instead of four minutes.
func impatient(t *testing.T) *harness.Host {
	t.Helper()
	host := hostileHost(t)
	host.Plugin = harness.Bin(t, "short/tap")
	return host
}

// scripted is the plugin's command with an IPAM plugin that runs the script, once it
// has done what the verb demands.
func scripted(t *testing.T, host *harness.Host, verb, script string, keys ...m) *exec.Cmd {
	t.Helper()
	const prologue = `case $CNI_COMMAND in ADD) : >"$STORE/held";; DEL) rm -f "$STORE/held";; esac` + "\n"
	dir := t.TempDir()
	host.Must(os.WriteFile(filepath.Join(dir, "hostile"), []byte("#!/bin/sh\n"+prologue+script+"\n"), 0o755))
	config := conf(t, append([]m{{"ipam": m{"type": "hostile"}}}, keys...)...)
	return host.Command(verb, "net1", config, "CNI_PATH="+dir, "STORE="+host.Store)
}

// inADD is a script of ADD alone.
func inADD(script string) string { return "[ $CNI_COMMAND = ADD ] || exit 0\n" + script }

// together is checks of what was begun before, and has waited together.
type together struct {
	names  []string
	checks []func(*testing.T)
}

func (l *together) check(name string, check func(*testing.T)) {
	l.names, l.checks = append(l.names, name), append(l.checks, check)
}

func (l *together) run(t *testing.T) {
	for i, check := range l.checks {
		t.Run(l.names[i], check)
	}
}

const (
	hangs    = `exec sleep 100`
	ignores  = `trap '' TERM; while :; do sleep 0.2; done`
	anyIP    = `{"cniVersion": "1.1.0", "ips": [{"address": "192.0.2.2/24"}]}`
	printsIP = "echo '" + anyIP + "'\n"
)

// An ADD whose IPAM plugin does not end, does nothing useful or dies is undone, and says why.
func TestHostileIPAMProcess(t *testing.T) {
	var all together
	limit := []string{`IPAM plugin "hostile": ADD`, "timed out after 1s", "hangs"}
	for _, c := range []struct {
		name, script string
		code         int
		says         []string
	}{
		{"hangs", hangs, codeIPAM, limit},
		{"hangs, and does not listen to SIGTERM", ignores, codeIPAM, limit},
		{"hangs with children", `sleep 100 & sh -c "trap '' TERM; sleep 100" & wait`, codeIPAM, limit},
		{"hangs with its outputs closed", `exec >&- 2>&- <&-; ` + hangs, codeIPAM, limit},
		{"prints a result and hangs", printsIP + hangs, codeIPAM, limit},
		{"prints an error and hangs", `echo '{"code": 11, "msg": "later"}'; ` + hangs, codeIPAM, limit},
		{"prints a result when it is told to end", `trap 'echo "$IP"; exit 0' TERM; IP='` + anyIP + `'; sleep 100 >&- 2>&- & wait`, codeIPAM, limit},
		{"stops itself", `kill -STOP $$`, codeIPAM, limit},
		{"writes to standard error without end", `exec yes >&2`, codeIPAM, limit},
		{"prints without end, and does not listen to SIGPIPE", `trap '' PIPE; while :; do head -c 5000000 /dev/zero 2>&-; sleep 0.1; done`, codeIPAM, []string{`IPAM plugin "hostile": ADD`}},
		{"prints 100 MB", `exec head -c 100000000 /dev/zero`, codeIPAM, []string{"printed more than 4194304 bytes"}},
		{"prints 100 MB of a result", `printf '{"ips": ['; exec yes '{"address": "192.0.2.2/24"},'`, codeIPAM, []string{"printed more than 4194304 bytes"}},
		{"prints nothing", ``, codeIPAM, []string{"no usable result"}},
		{"prints a NUL", `printf '\0'`, codeIPAM, []string{"no usable result"}},
		{"prints null", `echo null`, codeIPAM, []string{"no usable result"}},
		{"prints two results", printsIP + printsIP, codeIPAM, []string{"no usable result"}},
		{"prints 100,000 levels", `head -c 100000 /dev/zero | tr '\0' '['`, codeIPAM, []string{"no usable result"}},
		{"prints a result of another version", `echo '{"cniVersion": "9.9.9", "ips": [{"address": "192.0.2.2/24"}]}'`, codeIPAM, []string{"no usable result", "9.9.9"}},
		{"prints a result of version 0.2.0 in that of 1.1.0", `echo '{"cniVersion": "1.1.0", "ip4": {"ip": "192.0.2.2/24"}}'`, codeIPAM, []string{"no usable result", "no address"}},
		{"prints a result and fails", printsIP + `exit 1`, codeIPAM, []string{"exit status 1"}},
		{"prints an error with a bad code and fails", `echo '{"code": -1, "msg": "no"}'; exit 1`, codeIPAM, []string{"exit status 1"}},
		{"prints an error of a megabyte", `printf '{"code": 11, "msg": "'; head -c 1000000 /dev/zero | tr '\0' x; echo ' at last"}'; exit 1`, codeTryLater, []string{"xxx", "at last"}},
		{"dies of SIGSEGV", printsIP + `kill -SEGV $$`, codeIPAM, []string{"segmentation fault"}},
		{"dies of SIGKILL", printsIP + `kill -KILL $$`, codeIPAM, []string{"killed"}},
		{"dies of SIGKILL with a child that holds the output", `sleep 100 & kill -KILL $$`, codeIPAM, []string{"killed"}},
	} {
		host := impatient(t)
		before := host.Snapshot()
		cmd := scripted(t, host, "ADD", inADD(c.script))
		cmd.Stderr = devNull(t)
		ended := host.Begin(cmd)
		all.check(c.name, func(t *testing.T) {
			host := host.In(t)
			got := ended(t)
			got.WantError(c.code, c.says...)
			if len(got.Stdout) > 20000 {
				t.Errorf("an error of %d bytes", len(got.Stdout))
			}
			host.WantSame(before)
			host.WantNoProcess()
		})
	}
	all.run(t)
}

// The device goes and the others are asked, however long IPAM takes.
func TestHostileIPAMHangsInEveryVerb(t *testing.T) {
	var all together
	for verb, code := range map[string]int{"DEL": codeIPAM, "CHECK": codeIPAM, "GC": codeIPAM, "STATUS": codeNotAvailable} {
		host := hostileHost(t)
		before := host.Snapshot()
		added := host.Finish(scripted(t, host, "ADD", inADD(printsIP))).WantOK()
		host.Plugin = harness.Bin(t, "short/tap")
		cmd := scripted(t, host, verb, ignores, known(host.ContainerID, "net1"))
		if verb == "CHECK" {
			cmd.Stdin = strings.NewReader(host.WithPrev(conf(t, m{"ipam": m{"type": "hostile"}}), added))
		}
		ended := host.Begin(cmd)
		all.check(verb, func(t *testing.T) {
			host := host.In(t)
			ended(t).WantError(code, `IPAM plugin "hostile": `+verb, "timed out after 1s")
			host.WantNoProcess()
			if _, there := host.Device("net1"); there == (verb == "DEL") {
				t.Errorf("the device is there: %v", there)
			}
			host.Finish(scripted(t, host, "DEL", ``)).WantOK()
			host.WantSame(before)
		})
	}
	all.run(t)
}

// The undo has the limit too, and the code remains that of the failure.
func TestHostileIPAMHangsInTheUndo(t *testing.T) {
	t.Parallel()
	host := impatient(t)
	script := `[ $CNI_COMMAND = DEL ] && ` + hangs + `; echo '{"code": 123, "msg": "no more"}'; exit 1`
	host.Finish(scripted(t, host, "ADD", script)).WantError(123, "no more", `undo: IPAM plugin "hostile": DEL`, "timed out after 1s")
	host.WantNoProcess()
	if _, there := host.Device("net1"); there {
		t.Error("the device was left behind")
	}
}

// A signal during the undo counts as well: the runtime does not wait for four minutes.
func TestHostileIPAMHangsInTheUndoUntilASignal(t *testing.T) {
	t.Parallel()
	host := hostileHost(t)
	cmd := scripted(t, host, "ADD", `[ $CNI_COMMAND = DEL ] && : >"$STORE/undoing" && `+hangs+`; exit 1`)
	ended := host.Begin(cmd)
	eventually(t, "IPAM undoes", func() bool { return strings.Contains(strings.Join(host.Reservations(), " "), "undoing") })
	started := time.Now()
	host.Must(cmd.Process.Signal(syscall.SIGTERM))
	ended(t).WantError(codeIPAM, "exit status 1", `undo: IPAM plugin "hostile": DEL: interrupted`)
	if took := time.Since(started); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	host.WantNoProcess()
	if _, there := host.Device("net1"); there {
		t.Error("the device was left behind")
	}
}

// The runtime's own limit is often shorter: SIGTERM, and the IPAM plugin does not heed ours.
func TestHostileIPAMHangsUntilTheRuntimesSignal(t *testing.T) {
	for name, script := range map[string]string{"hangs": hangs, "does not listen": ignores} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := hostileHost(t)
			before := host.Snapshot()
			cmd := scripted(t, host, "ADD", inADD(script))
			ended := host.Begin(cmd)
			eventually(t, "IPAM has reserved", func() bool { return len(host.Reservations()) == 1 })
			host.Must(cmd.Process.Signal(syscall.SIGTERM))
			ended(t).WantError(codeInterrupted, `IPAM plugin "hostile": ADD: interrupted`)
			host.WantSame(before)
			host.WantNoProcess()
		})
	}
}

// SIGKILL: the IPAM plugin dies with us, although it listens to nothing else, and
// the device goes. What it had reserved is for the DEL that follows.
func TestHostileIPAMDiesWithThePlugin(t *testing.T) {
	t.Parallel()
	host := hostileHost(t)
	before := host.Snapshot()
	cmd := scripted(t, host, "ADD", inADD(`trap '' TERM INT HUP; while :; do :; done`))
	host.Must(host.Node.Start(cmd))
	eventually(t, "IPAM has reserved", func() bool { return len(host.Reservations()) == 1 })
	host.Must(cmd.Process.Kill())
	_ = cmd.Wait() // killed
	host.WantNoProcess()
	host.Finish(scripted(t, host, "DEL", ``)).WantOK()
	host.WantSame(before)
}

// What a plugin that ended well leaves behind is its own affair: a daemon, perhaps.
// It only cannot keep ADD waiting by holding the output.
func TestHostileIPAMLeavesAChildWithTheOutput(t *testing.T) {
	t.Parallel()
	host := impatient(t)
	before := host.Snapshot()
	host.Finish(scripted(t, host, "ADD", inADD(printsIP+`sleep 100 2>&- &`))).WantOK()
	for _, pid := range host.Processes() {
		host.Must(syscall.Kill(pid, syscall.SIGKILL))
	}
	host.Finish(scripted(t, host, "DEL", ``)).WantOK()
	host.WantSame(before)
	host.WantNoProcess()
}

// A plugin that reads nothing gets its result taken all the same.
func TestHostileIPAMClosesStdin(t *testing.T) {
	t.Parallel()
	host := hostileHost(t)
	before := host.Snapshot()
	cmd := scripted(t, host, "ADD", `exec <&-; `+printsIP, m{"unknown": strings.Repeat("x", 10<<20)})
	host.Finish(cmd).WantOK()
	host.Finish(scripted(t, host, "DEL", ``)).WantOK()
	host.WantSame(before)
	host.WantNoProcess()
}

// What an IPAM plugin returns is taken, or refused as a whole.
func TestHostileIPAMResult(t *testing.T) {
	ip := func(keys ...any) []any { return keys }
	hops := func(n int) []any {
		var routes []any
		for i := range n {
			routes = append(routes, m{"dst": "198.51.100.0/24", "gw": fmt.Sprintf("192.1.%d.%d", i>>8, i&255)})
		}
		return routes
	}
	for _, c := range []struct {
		name string
		ipam m
		code int // 0: taken
		says []string
	}{
		{"an address without a prefix", m{"ips": ip(m{"address": "192.0.2.2"})}, codeIPAM, []string{"no usable result", "192.0.2.2"}},
		{"an entry without address", m{"ips": ip(m{"gateway": "192.0.2.1"})}, codeIPAM, []string{"no usable result", "no address"}},
		{"a null among the addresses", m{"ips": ip(m{"address": "192.0.2.2/24"}, nil)}, codeIPAM, []string{"no usable result", "null"}},
		{"a null among the routes", m{"routes": ip(nil)}, codeIPAM, []string{"no usable result", "null"}},
		{"an address that is a number", m{"ips": ip(m{"address": 5})}, codeIPAM, []string{"no usable result"}},
		{"an IPv4 prefix of 33", m{"ips": ip(m{"address": "192.0.2.2/33"})}, codeIPAM, []string{"no usable result"}},
		{"an IPv4 address as IPv6", m{"ips": ip(m{"address": "::ffff:192.0.2.2/120"})}, codeLayer3, []string{"192.0.2.2/120"}},
		{"no address at all", m{"ips": ip(m{"address": "0.0.0.0/0"})}, codeLayer3, []string{"0.0.0.0/0"}},
		{"a loopback address", m{"ips": ip(m{"address": "::1/128"})}, codeLayer3, []string{"::1/128"}},
		{"an IPv6 address twice", m{"ips": ip(m{"address": "2001:db8::2/64"}, m{"address": "2001:db8::2/64"})}, codeLayer3, []string{"add address 2001:db8::2/64"}},
		{"an IPv4 address with an IPv6 gateway", m{"ips": ip(m{"address": "192.0.2.2/24", "gateway": "2001:db8::1"})}, codeLayer3, []string{"192.0.2.2/24", "2001:db8::1", "other address family"}},
		{"an IPv6 address with an IPv4 gateway", m{"ips": ip(m{"address": "2001:db8::2/64", "gateway": "192.0.2.1"})}, codeLayer3, []string{"other address family"}},
		{"a gateway that is none", m{"ips": ip(m{"address": "192.0.2.2/24", "gateway": "nobody"})}, codeIPAM, []string{"no usable result"}},
		{"too many hops", m{"routes": hops(5000)}, codeLayer3, []string{"198.51.100.0/24", "1024"}},
		{"many hops", m{"routes": hops(1024)}, 0, nil},
		{"an interface of its own", m{"ips": ip(m{"address": "192.0.2.2/24", "interface": 7}, m{"address": "2001:db8::2/64", "interface": -1})}, 0, nil},
		{"one address with two prefixes", m{"ips": ip(m{"address": "192.0.2.2/24"}, m{"address": "192.0.2.2/16"})}, 0, nil},
		{"a result of version 0.2.0", m{"raw": m{"ADD": `{"cniVersion": "0.2.0", "ip4": {"ip": "192.0.2.2/24"}}`}}, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := hostileHost(t)
			before := host.Snapshot()
			config := conf(t, fake(c.ipam))
			got := host.Run("ADD", "net1", config)
			if c.code != 0 {
				got.WantError(c.code, c.says...)
			} else {
				for _, ip := range got.Result().IPs {
					if ip.Interface == nil || *ip.Interface != 0 {
						t.Errorf("%s is not on the tap: %v", ip.Address, ip.Interface)
					}
				}
				host.Run("CHECK", "net1", host.WithPrev(config, got)).WantOK()
				host.Run("DEL", "net1", config).WantOK()
			}
			host.WantSame(before)
			host.WantNoProcess()
		})
	}
}

// An address that another interface has: the kernel allows it (unnumbered links share
// one), and so do we. What the other interface has stays its own.
func TestHostileIPAMReturnsAnothersAddress(t *testing.T) {
	t.Parallel()
	host := hostileHost(t)
	host.Exec("sh", "-ec", `ip link add eth0 type veth peer name p; ip link set eth0 up; ip link set p up
		ip addr add 192.0.2.2/24 dev eth0; ip addr add 2001:db8::2/64 dev eth0 nodad
		ip route add default via 192.0.2.1; ip route add 198.51.100.0/24 via 192.0.2.1 src 192.0.2.2; ip -6 route add default via 2001:db8::1 src 2001:db8::2`)
	before := host.Snapshot()
	taken := []any{m{"address": "192.0.2.2/24"}, m{"address": "2001:db8::2/64"}}
	config := conf(t, fake(m{"ips": taken}))
	added := host.Run("ADD", "net1", config).WantOK()
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
	host.Run("DEL", "net1", config).WantOK()
	host.WantSame(before)

	refused := conf(t, fake(m{"ips": taken, "routes": []any{m{"dst": "203.0.113.0/24", "gw": "224.0.0.1"}}}))
	host.Run("ADD", "net1", refused).WantError(codeLayer3)
	host.WantSame(before)
}

// Two thousand addresses and a hundred thousand routes are but many. Not beside other
// tests, and not more addresses: each waits for the kernel's lock on all devices.
func TestHostileIPAMReturnsVeryMuch(t *testing.T) {
	host := hostileHost(t)
	before := host.Snapshot()
	var ips, routes []any
	for i := range 2000 {
		ips = append(ips, m{"address": fmt.Sprintf("10.0.%d.%d/16", i/250, i%250+1)})
	}
	for i := range 100000 {
		routes = append(routes, m{"dst": fmt.Sprintf("11.%d.%d.%d/32", i>>16, i>>8&255, i&255)})
	}
	config := conf(t, fake(m{"ips": ips, "routes": routes}))
	added := host.Run("ADD", "net1", config).WantOK()
	started := time.Now()
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
	if took := time.Since(started); took > time.Minute { // each sought among all would take several
		t.Errorf("CHECK took %v", took)
	}
	host.Exec("sh", "-ec", "ip route del 11.0.0.7/32; ip addr del 10.0.7.250/16 dev net1")
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantError(codeCheck, "missing route 11.0.0.7/32", "address: expected 10.0.7.250/16", "more]")
	host.Run("DEL", "net1", config).WantOK()
	host.WantSame(before)
}

// The runtime does not wait until all of them are there.
func TestHostileIPAMReturnsVeryMuchUntilASignal(t *testing.T) {
	t.Parallel()
	host := hostileHost(t)
	before := host.Snapshot()
	var ips []any
	for i := range 30000 {
		ips = append(ips, m{"address": fmt.Sprintf("2001:db8::%x/64", i+1)})
	}
	cmd := host.Command("ADD", "net1", conf(t, fake(m{"ips": ips})))
	ended := host.Begin(cmd)
	eventually(t, "there is an address", func() bool { d, there := host.Device("net1"); return there && len(d.Global()) > 0 })
	host.Must(cmd.Process.Signal(syscall.SIGTERM))
	ended(t).WantError(codeInterrupted)
	host.WantSame(before)
	host.WantNoProcess()
}

// Files that are no IPAM plugins, or that are this plugin in disguise: one error, and
// the processes can be counted.
func TestHostileIPAMFile(t *testing.T) {
	copyOf := func(host *harness.Host, path string) {
		host.Must(os.WriteFile(path, []byte(harness.ReadFile(t, host.Plugin)), 0o755))
	}
	script := func(text string) func(*harness.Host, string) {
		return func(host *harness.Host, path string) {
			host.Must(os.WriteFile(path, []byte(strings.ReplaceAll(text, "$SELF", host.Plugin)), 0o755))
		}
	}
	notFound := []string{`IPAM plugin "odd"`, "no such executable in CNI_PATH"}
	itself := []string{`IPAM plugin "odd"`, "endless loop", "host-local"}
	for _, c := range []struct {
		name string
		make func(host *harness.Host, path string)
		code int
		says []string
	}{
		{"folder", func(h *harness.Host, path string) { h.Must(os.Mkdir(path, 0o755)) }, codeIPAM, notFound},
		{"FIFO", func(h *harness.Host, path string) { h.Must(syscall.Mkfifo(path, 0o755)) }, codeIPAM, notFound},
		{"device", func(h *harness.Host, path string) { h.Must(os.Symlink("/dev/zero", path)) }, codeIPAM, notFound},
		{"not executable", func(h *harness.Host, path string) { h.Must(os.WriteFile(path, []byte("#!/bin/sh\n"), 0o644)) }, codeIPAM, notFound},
		{"link to nothing", func(h *harness.Host, path string) { h.Must(os.Symlink("/nowhere", path)) }, codeIPAM, notFound},
		{"link to itself", func(h *harness.Host, path string) { h.Must(os.Symlink(path, path)) }, codeIPAM, notFound},
		{"script of no interpreter", script("#!/nonexistent\n"), codeIPAM, []string{`IPAM plugin "odd"`, "no such file or directory"}},
		{"script without first line", script("echo hello\n"), codeIPAM, []string{`IPAM plugin "odd"`, "exec format error"}},
		{"empty", script(""), codeIPAM, []string{`IPAM plugin "odd"`, "exec format error"}},
		{"script of itself", func(h *harness.Host, path string) { script("#!"+path+"\n")(h, path) }, codeIPAM, []string{`IPAM plugin "odd"`}},
		{"link to the plugin", func(h *harness.Host, path string) { h.Must(os.Symlink(h.Plugin, path)) }, codeConfig, itself},
		{"copy of the plugin", copyOf, codeConfig, []string{"endless loop"}},
		{"script of the plugin", script("#!$SELF\n"), codeConfig, []string{"endless loop"}},
		{"script that runs the plugin", script("#!/bin/sh\n$SELF; exit $?\n"), codeConfig, []string{"endless loop"}},
	} {
		for _, verb := range []string{"ADD", "DEL", "GC", "STATUS"} {
			t.Run(c.name+"/"+verb, func(t *testing.T) {
				t.Parallel()
				host := hostileHost(t)
				dir := t.TempDir()
				c.make(host, filepath.Join(dir, "odd"))
				before := host.Snapshot()
				config := conf(t, m{"ipam": m{"type": "odd"}}, known(host.ContainerID, "net1"))
				code := c.code
				if verb == "STATUS" {
					code = codeNotAvailable
				}
				started := time.Now()
				host.Run(verb, "net1", config, "CNI_PATH="+dir).WantError(code, c.says...)
				if took := time.Since(started); took > time.Minute {
					t.Errorf("it took %v", took)
				}
				host.WantSame(before)
				host.WantNoProcess()
			})
		}
	}
}

// Names that are none, or that lead elsewhere; the device is not even begun.
func TestHostileIPAMType(t *testing.T) {
	for name, c := range map[string]struct {
		kind any
		code int
		says string
	}{
		"path":             {"../bin/fake", codeConfig, "bare file name"},
		"absolute path":    {"/bin/true", codeConfig, "bare file name"},
		"slash":            {"fake/", codeConfig, "bare file name"},
		"dot":              {".", codeConfig, "bare file name"},
		"two dots":         {"..", codeConfig, "bare file name"},
		"three dots":       {"...", codeIPAM, "no such executable"},
		"NUL":              {"fake\x00", codeConfig, "bare file name"},
		"newline":          {"fake\nfake", codeIPAM, "no such executable"},
		"escape":           {"\x1b[2J", codeIPAM, "no such executable"},
		"256 characters":   {strings.Repeat("x", 256), codeIPAM, "no such executable"},
		"100,000":          {strings.Repeat("x", 100000), codeIPAM, "CNI_PATH"},
		"number":           {5, codeConfig, "ipam.type"},
		"list":             {[]string{"fake"}, codeConfig, "ipam.type"},
		"this plugin":      {"tap", codeConfig, "endless loop"},
		"with white space": {" fake", codeIPAM, "no such executable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := hostileHost(t)
			before := host.Snapshot()
			got := host.Run("ADD", "net1", conf(t, m{"ipam": m{"type": c.kind, "store": "$STORE"}}))
			got.WantError(c.code, c.says)
			if len(got.Stdout) > 20000 {
				t.Errorf("an error of %d bytes", len(got.Stdout))
			}
			host.WantSame(before)
			host.WantNoProcess()
		})
	}
}
