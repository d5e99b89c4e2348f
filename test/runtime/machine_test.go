package runtime

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// A runtime changes a machine: /etc/cni, /run/netns, devices, mounts. So each script has one of its own, made of
// namespaces: what it changes nobody else sees, and the kernel ends and unmounts all of it with the machine's first
// process, also where a test fails or is killed. The scripts use the folders that runtimes use by default:
//
//   - /etc, /opt and /var are overlays: as on the real machine, and what is written is nobody else's. What a runtime
//     may have there already is hidden.
//   - /opt/cni/bin has the built plugins.
//   - /run and the folder for temporary files are empty.
//   - cgroups are those below the machine's own.
//   - the network is an empty namespace, with lo up.
//
// The test's program executes itself as the machine's first process, which starts it once more for the script.
const (
	stageVar    = "RUNTIME_STAGE"
	stageInit   = "init"
	stageScript = "script"
	scratchVar  = "RUNTIME_SCRATCH" // folder in which the machine keeps all that is written
)

// runInMachine runs the part of a test that is about one script.
func runInMachine(t *testing.T, test, file string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	scratch, verbose := t.TempDir(), os.Getenv("RUNTIME") == "verbose"
	cmd := exec.Command(self, "-test.run=^"+test+"$", "-test.timeout=5m")
	if verbose {
		cmd.Args = append(cmd.Args, "-test.v")
	}
	cmd.Env = append(os.Environ(), stageVar+"="+stageInit, scriptVar+"="+file, scratchVar+"="+scratch, "TAP_BIN="+harness.BinDir(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	goruntime.LockOSThread() // whose end would be taken for that of the process
	defer goruntime.UnlockOSThread()
	t.Cleanup(func() { removeCgroups(t, cgroupName(scratch)) })
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if verbose {
		t.Logf("%s", out)
	}
}

// cgroupName is that of a machine's groups.
func cgroupName(scratch string) string {
	return "tap" + strings.ReplaceAll(scratch, "/", "-")
}

// initialize is the machine's first process. It takes the place of all whose parent ends, and the machine ends with it.
func initialize() int {
	goruntime.LockOSThread() // which alone enters the cgroup namespace; what it starts is in it as well
	scratch := os.Getenv(scratchVar)
	err := makeMachine(scratch)
	if err == nil { // else its mounts might be the real machine's
		err = enterOwnCgroups(cgroupName(scratch))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "make the machine:", err)
		return 1
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), stageVar+"="+stageScript)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "start the test:", err)
		return 1
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			fmt.Fprintln(os.Stderr, "wait:", err)
			return 1
		case pid == cmd.Process.Pid:
			if !status.Exited() {
				return 1
			}
			return status.ExitStatus()
		}
	}
}

// makeMachine changes the mounts of this process to those of a machine.
func makeMachine(scratch string) error {
	bin := os.Getenv("TAP_BIN")
	overlay := func(lower, at string) error {
		upper, work := filepath.Join(scratch, "upper", at), filepath.Join(scratch, "work", at)
		if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
			return err
		}
		return mount("overlay", at, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work))
	}
	steps := []func() error{
		func() error { return mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") },
		func() error { return mount("proc", "/proc", "proc", 0, "") },
		detachNamespaces,
		func() error { return mount("scratch", scratch, "tmpfs", 0, "mode=0755") },
		func() error { return overlay("/etc", "/etc") },
		func() error { return overlay("/opt", "/opt") },
		func() error { return overlay("/var", "/var") },
		func() error { return mount("run", "/run", "tmpfs", 0, "mode=0755") },
	}
	for _, hidden := range []string{"/etc/cni/net.d", "/etc/containerd", "/var/lib/cni", "/var/lib/containers", "/var/lib/containerd"} {
		steps = append(steps,
			func() error { return os.MkdirAll(hidden, 0o755) },
			func() error { return mount("hidden", hidden, "tmpfs", 0, "mode=0755") })
	}
	steps = append(steps,
		func() error { return mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "") }, // as systemd has it; a group of our own
		func() error { return os.MkdirAll("/opt/cni/bin", 0o755) },
		func() error { return overlay(bin, "/opt/cni/bin") },
		func() error { return os.Mkdir(filepath.Join(scratch, "tmp"), 0o777) },
		func() error { return os.Setenv("TMPDIR", filepath.Join(scratch, "tmp")) },
		func() error { return exec.Command("ip", "link", "set", "lo", "up").Run() },
	)
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// detachNamespaces takes away the names of namespaces, which are mounts, wherever they are: they would vanish in the
// middle of a script when their owner removes them.
func detachNamespaces() error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line) // fstab(5): source, target, type
		if len(fields) < 3 || fields[2] != "nsfs" {
			continue
		}
		err := unix.Unmount(fields[1], unix.MNT_DETACH)
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // it has gone meanwhile
			return fmt.Errorf("unmount %s: %w", fields[1], err)
		}
	}
	return nil
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s at %s: %w", source, target, err)
	}
	return nil
}
