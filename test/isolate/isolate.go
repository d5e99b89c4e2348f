// Package isolate gives a program of the tests a machine of its own, made of namespaces. Other programs do not
// see what it changes there. When the program ends, the kernel ends its processes and removes its mounts, namespaces and devices. That
// holds for success, for failure, for a signal, and for the end of the process that has started the program.
//
// A machine looks like a fresh one (surroundings.go): /run is empty, no namespace has a name, the network has lo alone, and only root
// can open /dev/net/tun.
//
// The program executes itself as the machine's first process, which starts it once more for the work:
//
//	outside     the program as it was started; waits
//	└─ first    PID 1 of the machine: makes the surroundings, takes in orphans
//	   └─ inside   does the work
//
// Without root the machine is made in a user namespace, if the kernel permits it (user.go).
package isolate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stageVar is the environment variable that has the stage of a program, as drawn above.
const stageVar = "TAP_MACHINE"

const (
	outside   = ""
	first     = "first"
	inside    = "inside"
	dedicated = "dedicated" // on a real machine that is there for the tests alone; test/vm sets it
)

// grace is how long the work has to end by itself after a signal.
const grace = 5 * time.Second

// Run calls work on a machine of its own, and returns its exit status. It is called first thing in main or TestMain. Each of
// setup is called once in the first process, when the machine's surroundings are made and before work.
func Run(work func() int, setup ...func() error) int {
	switch stage := os.Getenv(stageVar); stage {
	case outside:
		return enter(work)
	case first:
		if os.Getpid() != 1 {
			return fail(fmt.Errorf("%s=%q is set outside of a test machine", stageVar, stage))
		}
		return initialize(setup)
	case inside:
		if os.Getppid() != 1 {
			return fail(fmt.Errorf("%s=%q is set outside of a test machine", stageVar, stage))
		}
		return work()
	case dedicated:
		return work()
	default:
		return fail(fmt.Errorf("unknown stage %s=%q", stageVar, stage))
	}
}

// Inside reports whether this program is on a machine of its own, or on a dedicated one.
func Inside() bool { stage := os.Getenv(stageVar); return stage == inside || stage == dedicated }

// Dedicated reports whether this is a real machine that is there for the tests alone. They may change what all its namespaces share.
func Dedicated() bool { return os.Getenv(stageVar) == dedicated }

// Command returns a command that executes this program with its arguments on a machine of its own, which ends with this process.
func Command(args ...string) (*exec.Cmd, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	lifelines = append(lifelines, r, w)
	cmd := self(args...)
	cmd.Env = append(os.Environ(), stageVar+"="+first)
	cmd.ExtraFiles = []*os.File{r}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
	}
	return cmd, nil
}

// lifelines are pipes to the first processes of machines. The kernel closes them when this process ends. (A parent death signal would
// be lost if this process ended before the first process asks for it, which has no other way to notice that.)
var lifelines []*os.File

// watchLifeline ends this process, and so the machine, when the process outside has ended.
func watchLifeline() {
	const fd = 3 // cmd.ExtraFiles
	unix.CloseOnExec(fd)
	lifeline := os.NewFile(fd, "lifeline")
	go func() {
		_, _ = lifeline.Read(make([]byte, 1)) // nothing is written
		os.Exit(1)
	}()
}

// self returns a command that executes this program. It does so by the program's path, so that the path can be read back also in a
// chroot: /proc/self/exe leads to the mount of the namespace that the program comes from.
func self(args ...string) *exec.Cmd {
	path, err := os.Executable()
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		path = "/proc/self/exe" // the program's directory is hidden on this machine
	}
	cmd := exec.Command(path, args...)
	cmd.Args[0] = os.Args[0]
	return cmd
}

// enter makes the machine and waits for its end. If this user can have no machine, it calls work, whose tests then skip.
func enter(work func() int) int {
	if err := DieWithParent(); err != nil {
		return fail(err)
	}
	if err := checkDirectory(); err != nil {
		return fail(err)
	}
	if os.Geteuid() != 0 {
		unavailable = becomeRoot() // returns only on failure
		return work()
	}
	cmd, err := Command(os.Args[1:]...)
	if err != nil {
		return fail(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := catch()
	if err := cmd.Start(); err != nil {
		return fail(fmt.Errorf("make the machine's namespaces: %w", err))
	}
	go pass(signals, cmd.Process)
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fail(fmt.Errorf("wait for the machine: %w", err))
	}
	return statusOf(cmd.ProcessState.Sys().(syscall.WaitStatus))
}

// initialize is the machine's first process. It becomes the parent of all orphans, and the machine ends with it.
func initialize(setup []func() error) int {
	runtime.LockOSThread() // a setup may change the thread, and the work must be started by the same thread
	watchLifeline()
	for _, step := range append(surroundings(), setup...) {
		if err := step(); err != nil {
			return fail(fmt.Errorf("make the machine: %w", err))
		}
	}
	cmd := self(os.Args[1:]...)
	cmd.Env = append(os.Environ(), stageVar+"="+inside)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := catch()
	if err := cmd.Start(); err != nil {
		return fail(fmt.Errorf("start the work: %w", err))
	}
	go pass(signals, cmd.Process)
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fail(fmt.Errorf("wait: %w", err))
		case pid == cmd.Process.Pid:
			return statusOf(syscall.WaitStatus(status))
		}
	}
}

// unavailable is why this user can have no machine.
var unavailable error

// Unavailable returns why the program has no machine of its own, if it asked for one.
func Unavailable() error { return unavailable }

// checkDirectory refuses to run from a directory that the machine hides.
func checkDirectory() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	for _, hidden := range []string{"/run/", "/var/run/"} {
		if strings.HasPrefix(dir, hidden) {
			return fmt.Errorf("%s is hidden on a test machine: move the checkout to another directory", dir)
		}
	}
	return nil
}

// DieWithParent has the kernel end this process when its parent ends: the program then does not outlive `go test` or make.
func DieWithParent() error {
	runtime.LockOSThread() // the signal is sent when this thread's parent ends, and the setting is the thread's
	parent := os.Getppid()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("set the parent death signal: %w", err)
	}
	if os.Getppid() != parent {
		return errors.New("the parent process has ended")
	}
	return nil
}

// catch catches the signals that ask a program to end.
func catch() <-chan os.Signal {
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	return signals
}

// pass passes signals on to the process, and kills it if it has not ended some time after the first. SIGINT is not passed on:
// the terminal sends it to all processes.
func pass(signals <-chan os.Signal, to *os.Process) {
	for s := range signals {
		if s != unix.SIGINT {
			_ = to.Signal(s) // it may have ended
		}
		time.AfterFunc(grace, func() { _ = to.Kill() }) // likewise
	}
}

// statusOf returns the exit status that a shell has for it.
func statusOf(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "test machine:", err)
	return 1
}
