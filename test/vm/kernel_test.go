//go:build amd64

package vm

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tap/test/harness"
	"tap/test/initramfs"
)

// programs that the end-to-end tests run, beside busybox.
var programs = []string{"ip", "tc", "bridge", "ping", "unshare", "readlink", "setpriv", "sh", "strace"}

// modules that the tests need: this kernel has nearly everything as a module.
var modules = []string{
	"tun", "bridge", "veth", "macvlan", "ifb", "dummy", "8021q", "sch_tbf", "sch_ingress", "cls_bpf", "cls_u32", "cls_matchall", "act_mirred", "act_police", "sch_fq", "sch_prio",
}

// program adds a program of this machine with its shared libraries.
func program(r *initramfs.Initramfs, name string) {
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/sbin", name)
	}
	r.Copy("/usr/bin/"+name, path)
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		return // a static one
	}
	for _, field := range strings.Fields(string(out)) {
		if strings.HasPrefix(field, "/") {
			r.Copy(field, field)
		}
	}
}

// tree adds a folder of the project under /src.
func tree(t *testing.T, r *initramfs.Initramfs, root string, wanted func(path string) bool) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !wanted(path) {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err == nil {
			r.Copy("/src/"+name, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testMachine is a machine that has the compiled tests, the plugin, and what they run.
func testMachine(t *testing.T, tests ...string) *machine {
	t.Helper()
	r := initramfs.New(t, "testdata/kernel-init", modules...)
	for _, name := range programs {
		program(r, name)
	}
	r.Copy("/bin/sh", "/usr/bin/dash")
	for _, file := range []string{"/etc/passwd", "/etc/group", "/etc/nsswitch.conf"} {
		r.Copy(file, file)
	}
	root := filepath.Join(harness.BinDir(t), "..")
	tree(t, r, root, func(path string) bool {
		for _, folder := range []string{"bin/tap", "bin/short", "bin/guest", "bin/fake", "bin/host-local", "bin/static", "bin/bridge", "bin/ptp",
			"bin/bandwidth", "bin/sbr", "bin/tuning", "bin/cnitool", "bin/reference/", "bin/vmconf", "docs/", "examples/", "schema/", "README.md", "internal/", "test/e2e/"} {
			if strings.HasPrefix(path, filepath.Join(root, folder)) && !strings.HasPrefix(path, filepath.Join(root, "bin/golangci-lint")) {
				return true
			}
		}
		return false
	})
	for _, name := range tests {
		r.Copy("/tests/"+name, harness.Bin(t, "tests/"+name+".test"))
	}
	args := qemuArgs(t, file(t, r), "")
	m := start(t, exec.Command(args[0], append(args[1:], "-m", "2048")...))
	m.await(t, "MACHINE READY")
	return m
}

// What the kernel has a part in; E2E in the environment chooses others. A machine under
// emulation is too slow for those that measure, race, or try every combination.
const (
	here    = "^Test(Add|Del|Check|GC|Status|Attach|Routes|Guest|Port|VLAN|Bandwidth|Redirect(Check|Refuses|Result$|TapHas|BesideItself|Anothers(Filters|Qdisc)|DelGives))"
	notHere = "KilledAtEachCall|AtAnyMoment|WithoutUndo|Rates|IsWhatWasAskedFor|OneDirection|Busy|BandwidthTraffic|UndoHangs|RightAfterExit|ByLibcni|ChangedConfiguration"
)

// kills are the scenes of the fault harness at each of whose system calls the plugin is
// killed: some of those without IPAM plugin, whose start takes seconds under emulation.
const kills = "^TestFaults$/^(ADD,_(layer_2|redirect_shared)|DEL,_redirect)$"

// The end-to-end tests on Debian's kernel, which is older than most, and has what the
// host's may lack: other versions of tun, of bridges and of tc. Then some hundred kills.
func TestSecondKernel(t *testing.T) {
	harness.NeedRoot(t)
	m := testMachine(t, "e2e", "faults")
	const settings = "cd /src/test/e2e && TAP_BIN=/src/bin TAP_MACHINE=dedicated CI=true "
	if asked := os.Getenv("E2E"); asked != "" {
		m.run(t, "", settings+"/tests/e2e -test.v -test.parallel 4 -test.run '"+asked+"'")
		return
	}
	m.run(t, "", settings+"/tests/e2e -test.v -test.parallel 4 -test.run '"+here+"' -test.skip '"+notHere+"'")
	printed := m.run(t, "SIGKILL at each call: ", settings+"FAULTS=quick FAULT=SIGKILL /tests/faults -test.v -test.parallel 4 -test.run '"+kills+"'")
	t.Logf("%d kills", total(t, printed))
}

// total is the number of faults that were tried, of the last row of the table.
func total(t *testing.T, printed []string) int {
	t.Helper()
	for _, line := range printed {
		if cells := strings.Split(line, "|"); strings.HasPrefix(line, "| all ") {
			n, err := strconv.Atoi(strings.TrimSpace(cells[4]))
			if err != nil {
				t.Fatalf("table of faults: %v", err)
			}
			return n
		}
	}
	t.Fatalf("no table of faults: %s", strings.Join(printed, "\n"))
	return 0
}

// run has tests executed in the machine, each of which becomes one of t's, and returns
// what was printed after the last.
func (m *machine) run(t *testing.T, label, line string) []string {
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
	return printed
}
