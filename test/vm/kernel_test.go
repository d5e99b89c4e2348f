//go:build amd64

package vm

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

// programs that the end-to-end tests run, beside busybox.
var programs = []string{"ip", "tc", "bridge", "ping", "unshare", "readlink", "setpriv", "sh", "strace"}

// modules that the tests need: this kernel has nearly everything as a module.
var modules = []string{
	"tun", "bridge", "veth", "macvlan", "ifb", "dummy", "8021q", "sch_tbf", "sch_ingress", "cls_bpf", "cls_u32", "cls_matchall", "act_mirred", "act_police", "sch_fq", "sch_prio",
}

// compile builds a test package as one static program.
func compile(t *testing.T, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(pkg)+".test")
	cmd := exec.Command("go", "test", "-c", "-o", out, pkg)
	cmd.Dir = filepath.Join(harness.BinDir(t), "..", "test")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compile %s: %v: %s", pkg, err, text)
	}
	return out
}

// program adds a program of this machine with its shared libraries.
func (r *initramfs) program(name string) {
	r.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/sbin", name)
	}
	r.copy("/usr/bin/"+name, path)
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		return // a static one
	}
	for _, field := range strings.Fields(string(out)) {
		if strings.HasPrefix(field, "/") {
			r.copy(field, field)
		}
	}
}

// tree adds a folder of the project under /src.
func (r *initramfs) tree(root string, wanted func(path string) bool) {
	r.t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !wanted(path) {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err == nil {
			r.copy("/src/"+name, path)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// testMachine is a machine that has the compiled tests, the plugin, and what they run.
func testMachine(t *testing.T, packages ...string) *machine {
	t.Helper()
	r := newInitramfs(t, "testdata/kernel-init", modules...)
	for _, name := range programs {
		r.program(name)
	}
	r.copy("/bin/sh", "/usr/bin/dash")
	for _, file := range []string{"/etc/passwd", "/etc/group", "/etc/nsswitch.conf"} {
		r.copy(file, file)
	}
	root := filepath.Join(harness.BinDir(t), "..")
	r.tree(root, func(path string) bool {
		for _, folder := range []string{"bin/tap", "bin/short", "bin/guest", "bin/fake", "bin/host-local", "bin/static", "bin/bridge", "bin/ptp",
			"bin/bandwidth", "bin/sbr", "bin/tuning", "bin/cnitool", "bin/reference/", "bin/vmconf", "docs/", "examples/", "schema/", "README.md", "internal/", "test/e2e/"} {
			if strings.HasPrefix(path, filepath.Join(root, folder)) && !strings.HasPrefix(path, filepath.Join(root, "bin/golangci-lint")) {
				return true
			}
		}
		return false
	})
	for _, pkg := range packages {
		r.copy("/tests/"+filepath.Base(pkg), compile(t, pkg))
	}
	args := qemuArgs(t, r.file(), "")
	m := start(t, exec.Command(args[0], append(args[1:], "-m", "2048")...))
	m.await(t, "MACHINE READY")
	return m
}

// What the kernel has a part in; E2E in the environment chooses others. A machine under
// emulation is too slow for those that measure, race, or try every combination.
const (
	here    = "^Test(Add|Del|Check|GC|Status|Attach|Routes|Guest|Port|VLAN|Bandwidth|Redirect(Check|Refuses|Result$|TapHas|AnothersFilters|DelGives))"
	notHere = "KilledAtEachCall|AtAnyMoment|Rates|IsWhatWasAskedFor|OneDirection|Busy|BandwidthTraffic|UndoHangs|RightAfterExit|ByLibcni"
)

// scenes of the fault harness: at each of their system calls the plugin is killed.
var scenes = []string{"ADD, layer 2", "ADD, link", "DEL, layer 2"}

// The end-to-end tests on Debian's kernel, which is older than most, and has what the
// host's may lack: other versions of tun, of bridges and of tc. Then a hundred kills.
func TestSecondKernel(t *testing.T) {
	harness.NeedRoot(t)
	m := testMachine(t, "./e2e", "./faults")
	const settings = "TAP_BIN=/src/bin TAP_MACHINE=own CI=true "
	if asked := os.Getenv("E2E"); asked != "" {
		m.run(t, "", "cd /src/test/e2e && "+settings+"/tests/e2e -test.v -test.parallel 4 -test.run '"+asked+"'")
		return
	}
	m.run(t, "", "cd /src/test/e2e && "+settings+"/tests/e2e -test.v -test.parallel 4 -test.run '"+here+"' -test.skip '"+notHere+"'")
	for _, scene := range scenes {
		m.run(t, scene+", SIGKILL: ", "cd /src/test/e2e && "+settings+"FAULTS=quick FAULT='"+scene+", SIGKILL' "+
			"/tests/faults -test.v -test.parallel 4 -test.run 'TestFaults/"+strings.ReplaceAll(scene, " ", "_")+"'")
	}
}

// run has tests executed in the machine, each of which becomes one of t's.
func (m *machine) run(t *testing.T, label, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(m.stdin, line); err != nil {
		t.Fatal(err)
	}
	var printed []string
	tests := 0
	for _, line := range m.await(t, "MACHINE DONE") {
		verdict, test, is := strings.Cut(line, ": Test")
		if !is || !strings.HasPrefix(verdict, "--- ") {
			printed = append(printed, line)
			continue
		}
		tests++
		t.Run(label+test, func(t *testing.T) {
			if verdict != "--- PASS" {
				t.Errorf("%s\n%s", verdict, strings.Join(printed, "\n"))
			}
		})
		printed = nil
	}
	if last := printed[len(printed)-1]; tests == 0 || last != "MACHINE DONE 0" { // of the sweeps: also where no fault was reached
		t.Errorf("%d tests: %s", tests, strings.Join(printed, "\n"))
	}
}
