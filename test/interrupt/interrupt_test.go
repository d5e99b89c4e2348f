// Package interrupt shows that make's targets leave nothing behind when they are interrupted: no process, namespace, mount,
// device, cached result, reservation or changed setting. `make interrupt-test` runs it, on the machine itself.
package interrupt

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
	"tap/test/isolate"
	"tap/test/state"
)

func TestMain(m *testing.M) {
	if os.Getenv("INTERRUPT") == "" {
		fmt.Println("not run: some minutes; make interrupt-test")
		return
	}
	if err := isolate.DieWithParent(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// targets are make's targets that run something, with a part of the command line of a process that shows that the target is in its
// middle.
var targets = []struct {
	name, busy string
	isolated   bool // the process is on a machine of its own (package isolate)
}{
	{"check", "golangci-lint", false},
	{"test", "e2e.test", true},
	{"user-test", "e2e.test", true},
	{"demo", "bin/demo", true},
	{"guard-demo", "bin/demo", true},
	{"faults", "faults.test", true},
	{"load", "load.test", true},
	{"vm-test", "qemu-system", true},
	{"runtime-test", "runtime.test", true},
	{"dist-test", "dist.test", true},
	{"bench", "bin/bench", true},
	{"bench-redirect", "bin/benchredirect", true},
}

// ways are the ways in which a run is interrupted; the first is tried on every commit.
var ways = []struct {
	name string
	do   func(*run)
}{
	{"SIGKILL of make", func(r *run) { r.signal(r.make.Process.Pid, unix.SIGKILL) }},
	{"SIGTERM to make", func(r *run) { r.signal(r.make.Process.Pid, unix.SIGTERM) }},
	{"SIGINT from the terminal", func(r *run) { r.signal(-r.make.Process.Pid, unix.SIGINT) }},
	{"SIGTERM to all, as timeout sends it", func(r *run) { r.signal(-r.make.Process.Pid, unix.SIGTERM) }},
	{"SIGKILL of the test program", killTestProgram},
}

func TestInterrupted(t *testing.T) {
	harness.NeedRoot(t)
	t.Setenv("CI", "") // a target that is interrupted is not judged
	chosen := ways[:1]
	if os.Getenv("INTERRUPT") == "all" {
		chosen = ways
	}
	for _, target := range targets {
		for _, way := range chosen {
			t.Run(target.name+"/"+way.name, func(t *testing.T) {
				before, err := state.Read()
				must(t, err)
				r := start(t, target.name)
				r.busy, r.isolated = target.busy, target.isolated
				r.awaitBusy()
				time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond) // somewhere in its middle
				way.do(r)
				r.wantInterrupted()
				left, err := before.Await(r.mark)
				must(t, err)
				for _, difference := range left {
					t.Error(difference)
				}
			})
		}
	}
}

// run is a target of make that runs.
type run struct {
	t        *testing.T
	make     *exec.Cmd
	mark     string // setting in the environment of all its processes
	output   string // file
	busy     string
	isolated bool
}

// patience is how long a target may take to get to its middle: it may have to build programs first.
const patience = 5 * time.Minute

// start starts a target in a process group of its own, as a shell does.
func start(t *testing.T, target string) *run {
	t.Helper()
	runtime.LockOSThread() // see Pdeathsig
	r := &run{t: t, mark: fmt.Sprintf("TAP_INTERRUPTED=%d.%d", os.Getpid(), rand.Int()), output: filepath.Join(t.TempDir(), "output")}
	output, err := os.Create(r.output)
	must(t, err)
	defer output.Close()
	r.make = exec.Command("make", target)
	r.make.Dir = filepath.Join("..", "..")
	r.make.Env = append(slices.DeleteFunc(os.Environ(), func(setting string) bool {
		return strings.HasPrefix(setting, "MAKE") || strings.HasPrefix(setting, "MFLAGS") // of the make that runs this test
	}), r.mark)
	r.make.Stdout, r.make.Stderr = output, output
	r.make.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	must(t, r.make.Start())
	t.Cleanup(func() {
		_ = unix.Kill(-r.make.Process.Pid, unix.SIGKILL) // after a failure of the test
		if t.Failed() {
			text, _ := os.ReadFile(r.output) // for the message only
			t.Logf("make %s:\n%s", target, text)
		}
	})
	return r
}

func (r *run) signal(pid int, signal unix.Signal) {
	r.t.Helper()
	must(r.t, unix.Kill(pid, signal))
}

func (r *run) processes() []state.Process {
	r.t.Helper()
	list, err := state.Processes(r.mark)
	must(r.t, err)
	return list
}

// isBusy reports whether the process is one of those that show that the target is in its middle.
func (r *run) isBusy(p state.Process) bool {
	return strings.Contains(p.Command, r.busy) && (!r.isolated || stage(p) == "inside")
}

// stage returns the stage of a process of package isolate.
func stage(p state.Process) string {
	for _, setting := range p.Environment {
		if value, found := strings.CutPrefix(setting, "TAP_MACHINE="); found {
			return value
		}
	}
	return ""
}

func (r *run) awaitBusy() {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !slices.ContainsFunc(r.processes(), r.isBusy); time.Sleep(50 * time.Millisecond) {
		if unix.Kill(r.make.Process.Pid, 0) != nil || !harness.Alive(r.make.Process.Pid) || time.Now().After(deadline) {
			r.t.Fatalf("make did not come to run %q", r.busy)
		}
	}
}

// killTestProgram kills the outermost process of the test program, and then make, which goes on with what follows.
func killTestProgram(r *run) {
	r.t.Helper()
	isProgram := func(p state.Process) bool {
		program, _, _ := strings.Cut(p.Command, " ")
		return stage(p) == "" && strings.HasSuffix(program, r.program())
	}
	killed := false
	inside := map[int]bool{}
	for _, p := range r.processes() {
		if stage(p) != "" {
			inside[p.Pid] = true
		}
		if isProgram(p) {
			r.signal(p.Pid, unix.SIGKILL)
			killed = true
		}
	}
	if r.isolated && !killed {
		r.t.Errorf("the program %s was not found", r.program())
	}
	r.wantEnded(inside)
	_ = r.make.Process.Kill() // it may have ended
}

// program is the test program that makes the machine.
func (r *run) program() string {
	if r.busy == "qemu-system" {
		return "vm.test"
	}
	return r.busy
}

// wantInterrupted waits for make, which must end soon and must not succeed.
func (r *run) wantInterrupted() {
	r.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- r.make.Wait() }()
	select {
	case err := <-ended:
		if err == nil {
			r.t.Error("make succeeded: it was not interrupted")
		}
	case <-time.After(20 * time.Second):
		r.t.Error("make goes on 20 seconds after the interruption")
		_ = unix.Kill(-r.make.Process.Pid, unix.SIGKILL) // it may have ended by now
		r.t.Logf("make: %v", <-ended)
	}
}

// wantEnded waits until these processes have ended.
func (r *run) wantEnded(pids map[int]bool) {
	r.t.Helper()
	var left []state.Process
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if left = slices.DeleteFunc(r.processes(), func(p state.Process) bool { return !pids[p.Pid] }); len(left) == 0 {
			return
		}
	}
	for _, p := range left {
		r.t.Errorf("outlived the test program: process %d: %s", p.Pid, p.Command)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
