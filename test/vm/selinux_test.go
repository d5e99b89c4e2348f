//go:build amd64

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/test/harness"
	"tap/test/initramfs"
)

// module is what an operator loads beside container-selinux.
const module = "../../examples/selinux/tap-container.cil"

// policy compiles what the kernel loads.
func policy(t *testing.T, modules ...string) string {
	t.Helper()
	secilc, err := exec.LookPath("secilc")
	if err != nil {
		harness.Skip(t, "needs Debian's package secilc")
	}
	path := filepath.Join(t.TempDir(), "policy")
	args := []string{"-c", "33", "-o", path, "-f", os.DevNull, "testdata/selinux/base.cil", "testdata/selinux/container.cil"}
	if out, err := exec.Command(secilc, append(args, modules...)...).CombinedOutput(); err != nil {
		t.Fatalf("secilc: %v: %s", err, out)
	}
	return path
}

// step is one of the scenario, testdata/selinux/init.
type step struct {
	out    string   // lines
	status string   // exit status
	audit  []string // granted or denied, permission, who, whose, class
}

var (
	auditLine = regexp.MustCompile(`^(granted|denied) +\{ (.+) \} .*scontext=system_u:\w+:(\S+) tcontext=system_u:\w+:(\S+) tclass=(\w+)`)
	varying   = regexp.MustCompile(`(pid|ino)=\d+ `)
)

// readSteps makes of the console the steps, and the kernel's words on what was denied,
// without the numbers that vary.
func readSteps(t *testing.T, console []string) (map[string]*step, map[string]bool) {
	t.Helper()
	steps, denied := map[string]*step{}, map[string]bool{}
	var current *step
	for _, line := range console {
		kind, text, _ := strings.Cut(line, " ")
		switch kind {
		case "STEP":
			if steps[text] != nil {
				t.Fatalf("two steps %q", text)
			}
			current = &step{}
			steps[text] = current
		case "OUT":
			current.out += text + "\n"
		case "RC":
			current.status = text
		case "AVC":
			fields := auditLine.FindStringSubmatch(text)
			if fields == nil {
				t.Fatalf("audit line %q", text)
			}
			current.audit = append(current.audit, strings.Join(fields[1:], " "))
			denied[varying.ReplaceAllString("avc:  "+text, "")] = fields[1] == "denied"
		}
	}
	return steps, denied
}

// Labels, without user and role.
const (
	runtimeLabel    = "container_runtime_t:s0"
	privilegedLabel = "spc_t:s0"
	vmmLabel        = "container_t:s0:c1,c2"
	neighbourLabel  = "container_t:s0:c3"
	noCategory      = "container_t:s0"
	kvmLabel        = "container_kvm_t:s0:c1,c2"
	ipamLabel       = "ipam_t:s0"
	deviceLabel     = "tun_tap_device_t:s0"
)

// What the kernel says was asked for, in any order.

func made(by string) []string { return []string{"granted create " + by + " " + by + " tun_socket"} }

// entered: the label was set, and cleared again; the plugin was executed under it.
func entered(by, label string) []string {
	set := "granted setexec " + by + " " + by + " process"
	return []string{set, set, "granted transition " + by + " " + label + " process"}
}

func madeUnder(by, label string) []string { return append(entered(by, label), made(label)...) }

// attached: the first queue gives the tap the label of who attaches, from which the second one takes it.
func attached(by, whose string) []string {
	return []string{
		"granted relabelfrom " + by + " " + whose + " tun_socket", "granted relabelto " + by + " " + by + " tun_socket",
		"granted relabelfrom " + by + " " + by + " tun_socket", "granted relabelto " + by + " " + by + " tun_socket",
		"granted attach_queue " + by + " " + by + " tun_socket",
	}
}

func ranIPAM() []string {
	return []string{"granted transition " + runtimeLabel + " " + ipamLabel + " process"}
}

func refused(what, by, whose, class string) string {
	return strings.Join([]string{"denied", what, by, whose, class}, " ")
}

// selinuxChecks are what the steps must show. Those that fail say why.
var selinuxChecks = []struct {
	name, step string
	fails      []string // what it says; nil: it succeeds
	audit      []string // all that is asked for of labels and taps
}{
	{"container-selinux alone: ADD without label", "bare: ADD without label", nil, made(runtimeLabel)},
	{"container-selinux alone: container_t may not open the device", "bare: container_t", []string{"open /dev/net/tun: permission denied"},
		[]string{refused("read write", vmmLabel, deviceLabel, "chr_file")}},
	{"container-selinux alone: ADD as container_t fails", "bare: ADD as container_t",
		[]string{`"code": 105`, `container_t:s0:c1,c2\" may not use the plugin's open /dev/net/tun`},
		append(entered(runtimeLabel, vmmLabel), refused("read write", vmmLabel, deviceLabel, "chr_file"))},
	{"container-selinux alone: ADD as container_kvm_t", "bare: ADD as container_kvm_t", nil, madeUnder(runtimeLabel, kvmLabel)},
	{"container-selinux alone: container_kvm_t may not open the device", "bare: container_kvm_t", []string{"open /dev/net/tun: permission denied"},
		[]string{refused("open", kvmLabel, deviceLabel, "chr_file")}},
	{"container-selinux alone: ADD without the right to CAP_NET_ADMIN fails", "bare: ADD as container_kvm_t without capabilities",
		[]string{`"code": 105`, `TUNSETIFF under \"system_u:system_r:container_kvm_t:s0:c1,c2\": operation not permitted`},
		append(entered(runtimeLabel, kvmLabel), refused("net_admin", kvmLabel, kvmLabel, "capability"))},
	{"container_use_devices: ADD", "boolean: ADD as container_t", nil, madeUnder(runtimeLabel, vmmLabel)},
	{"container_use_devices: attach", "boolean: container_t", nil, attached(vmmLabel, vmmLabel)},

	{"without label: ADD", "no label: ADD", nil, made(privilegedLabel)},
	{"without label: container_t may not attach", "no label: container_t", []string{"queue 0: TUNSETIFF tap0: permission denied"},
		[]string{refused("relabelfrom", vmmLabel, privilegedLabel, "tun_socket")}},
	{"without label: DEL", "no label: DEL", nil, nil},

	{"without label or Multus: ADD", "no label, no Multus: ADD", nil, made(runtimeLabel)},
	{"without label or Multus: container_t attaches", "no label, no Multus: container_t", nil, attached(vmmLabel, runtimeLabel)},

	{"label: STATUS", "label: STATUS", nil, slices.Concat(madeUnder(runtimeLabel, vmmLabel), ranIPAM())},
	{"label: ADD, and host-local in its own domain", "label: ADD", nil, slices.Concat(madeUnder(runtimeLabel, vmmLabel), ranIPAM())},
	{"label: CHECK attaches to nothing", "label: CHECK", nil, ranIPAM()},
	{"label: another category may not attach", "label: container_t, other category", []string{"queue 0: TUNSETIFF tap0: permission denied"},
		[]string{refused("relabelfrom", neighbourLabel, vmmLabel, "tun_socket")}},
	{"label: the same categories attach", "label: container_t", nil, attached(vmmLabel, vmmLabel)},
	{"label: CHECK after", "label: CHECK after", nil, ranIPAM()},
	{"label: attach again", "label: container_t again", nil, attached(vmmLabel, vmmLabel)},
	{"label: DEL", "label: DEL", nil, ranIPAM()},
	{"level s0: ADD", "level s0: ADD", nil, madeUnder(runtimeLabel, noCategory)},
	{"level s0: any category attaches", "level s0: container_t", nil, attached(neighbourLabel, noCategory)},
	{"started by Multus: ADD", "Multus: ADD", nil, madeUnder(privilegedLabel, vmmLabel)},
	{"started by Multus: attach", "Multus: container_t", nil, attached(vmmLabel, vmmLabel)},
	{"container_kvm_t: ADD", "kvm: ADD", nil, madeUnder(runtimeLabel, kvmLabel)},
	{"container_kvm_t: attach", "kvm: container_kvm_t", nil, attached(kvmLabel, kvmLabel)},

	{"IPAM fails: ADD", "IPAM fails: ADD", []string{`"code": 11`, "full"}, madeUnder(runtimeLabel, vmmLabel)},

	{"malformed label: ADD", "bad: not-a-label", []string{`"code": 105`, `\"not-a-label\"`, "invalid argument"}, entered(runtimeLabel, "")[:1]},
	{"unknown type: ADD", "bad: system_u:system_r:nosuch_t:s0", []string{`"code": 105`, "nosuch_t", "invalid argument"}, entered(runtimeLabel, "")[:1]},
	{"unknown category: ADD", "bad: system_u:system_r:container_t:s0:c9", []string{`"code": 105`, "s0:c9", "invalid argument"}, entered(runtimeLabel, "")[:1]},
	{"forbidden domain: ADD", "bad: system_u:system_r:admin_t:s0", []string{`"code": 105`, "admin_t", "permission denied"},
		append(entered(runtimeLabel, "")[:2], refused("transition", runtimeLabel, "admin_t:s0", "process"))},
	{"no domain at all: ADD", "bad: system_u:object_r:tun_tap_device_t:s0", []string{`"code": 105`, "tun_tap_device_t", "permission denied"},
		append(entered(runtimeLabel, "")[:2], refused("transition", runtimeLabel, deviceLabel, "process"))},
	{"malformed label: STATUS", "bad: STATUS", []string{`"code": 50`, "not-a-label"}, entered(runtimeLabel, "")[:1]},
	{"a file that the label may not map: ADD", "file: ADD", []string{`"code": 105`, `container_t:s0:c1,c2\" may not read or map the plugin's file`},
		append(entered(runtimeLabel, vmmLabel), refused("map", vmmLabel, "container_var_lib_t:s0", "file"))},
}

// Steps that show what there is.
var selinuxStates = []struct{ name, step, out string }{
	{"the policy is enforced", "policy", "1"},
	{"container-selinux alone: nothing is left", "bare: left", "lo\n"},
	{"container-selinux alone: nothing is left, without capability", "bare: left again", "lo\n"},
	{"label: there is a tap and an address", "label: made", "lo tap0 192.0.2.2\n"},
	{"label: DEL leaves nothing", "label: left", "lo\n"},
	{"IPAM fails: nothing is left", "IPAM: left", "lo\n"},
	{"IPAM ran in the plugin's domain", "IPAM: asked as", strings.Repeat("ADD system_u:system_r:"+runtimeLabel+"\nDEL system_u:system_r:"+runtimeLabel+"\n", 2)},
	{"bad labels leave nothing", "bad: left", "lo\n"},
	{"bad labels: IPAM was not asked", "bad: asked", ""},
	{"a file that the label may not map: nothing is left", "file: left", "lo\n"},
}

func TestSELinux(t *testing.T) {
	r := initramfs.New(t, "testdata/selinux/init", "tun")
	r.Copy("/policy", policy(t))
	r.Copy("/policy.module", policy(t, module))
	r.Copy("/bin/confined", harness.Bin(t, "confined"))
	for _, program := range []string{"tap", "fake", "host-local"} {
		r.Copy("/opt/cni/bin/"+program, harness.Bin(t, program))
	}
	args := qemuArgs(t, file(t, r), "security=selinux enforcing=1")
	vm := start(t, exec.Command(args[0], append(args[1:], "-m", "256")...))
	steps, denied := readSteps(t, vm.await(t, "SCENARIO ENDS"))

	find := func(t *testing.T, name string) *step {
		found := steps[name]
		if found == nil {
			t.Fatalf("the machine did no step %q", name)
		}
		return found
	}
	for _, c := range selinuxChecks {
		t.Run(c.name, func(t *testing.T) { find(t, c.step).want(t, c.fails, c.audit) })
	}
	for _, s := range selinuxStates {
		t.Run(s.name, func(t *testing.T) {
			if got := find(t, s.step).out; strings.TrimSpace(got) != strings.TrimSpace(s.out) {
				t.Errorf("state\nwant %q\ngot  %q", s.out, got)
			}
		})
	}
	t.Run("no thread of the plugin keeps the label", func(t *testing.T) {
		const clean = "system_u:system_r:" + runtimeLabel + " exec="
		threads := strings.Split(strings.TrimSpace(find(t, "threads").out), "\n")
		if len(threads) < 2 || slices.ContainsFunc(threads, func(s string) bool { return strings.TrimSpace(s) != clean }) {
			t.Errorf("current and exec label of the threads\nwant %q each, of several\ngot  %q", clean, threads)
		}
	})
	t.Run("docs/selinux.md quotes the kernel", func(t *testing.T) { wantQuoted(t, denied) })
}

// want compares a step with what it had to show.
func (s *step) want(t *testing.T, fails, audit []string) {
	t.Helper()
	status := "0"
	if fails != nil {
		status = "1"
	}
	if s.status != status {
		t.Errorf("exit status\nwant %s\ngot  %s: %s", status, s.status, s.out)
	}
	for _, text := range fails {
		if !strings.Contains(s.out, text) {
			t.Errorf("output\nwant %s\ngot  %s", text, s.out)
		}
	}
	want, got := slices.Sorted(slices.Values(audit)), slices.Sorted(slices.Values(s.audit))
	if !slices.Equal(want, got) {
		t.Errorf("audit lines\nwant %s\ngot  %s", strings.Join(want, "\n     "), strings.Join(got, "\n     "))
	}
}

// wantQuoted finds each audit line of the documentation among those of the machine, and the module.
func wantQuoted(t *testing.T, denied map[string]bool) {
	t.Helper()
	text, err := os.ReadFile("../../docs/selinux.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "avc: ") {
			continue
		}
		quoted++
		if !denied[varying.ReplaceAllString(line, "")] {
			t.Errorf("the kernel did not say\n%s", line)
		}
	}
	if quoted == 0 {
		t.Error("docs/selinux.md quotes no audit line")
	}
	rules, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(rules)) {
		if strings.HasPrefix(line, "(") && !strings.Contains(string(text), line) {
			t.Errorf("docs/selinux.md does not quote the rule of the module\n%s", line)
		}
	}
}
