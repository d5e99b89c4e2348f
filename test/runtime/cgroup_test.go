package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/isolate"
)

const cgroupRoot = "/sys/fs/cgroup"

// hierarchy is one of the kernel's hierarchies of cgroups: version 2, or some controllers of version 1.
type hierarchy struct {
	controllers string // empty: version 2
	mounted     string
	group       string // of this process, below mounted
}

// hierarchies reads those of the calling process (cgroups(7), /proc/pid/cgroup). Where there is version 2 alone the list
// is empty: a new group below this process's own could limit nothing, since that one has processes.
func hierarchies() ([]hierarchy, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	var list []hierarchy
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			return nil, fmt.Errorf("/proc/self/cgroup has a line %q", line)
		}
		h := hierarchy{controllers: fields[1], group: fields[2], mounted: cgroupRoot + "/unified"} // version 2 beside 1
		if h.controllers != "" {
			h.mounted = filepath.Join(cgroupRoot, strings.TrimPrefix(h.controllers, "name="))
		}
		if _, err := os.Stat(h.mounted); err == nil {
			list = append(list, h)
		}
	}
	return list, nil
}

// enterOwnCgroups moves this process into a new group of each hierarchy, and makes those groups all that the calling
// thread, and what it starts, can see. What runtimes make below goes with them: removeCgroups.
func enterOwnCgroups(name string) error {
	list, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range list {
		parent := filepath.Join(h.mounted, h.group)
		if err := os.Mkdir(filepath.Join(parent, name), 0o755); err != nil {
			return err
		}
		for _, inherited := range []string{"cpuset.cpus", "cpuset.mems"} { // version 1 takes nobody in without (cpusets(7))
			value, err := os.ReadFile(filepath.Join(parent, inherited))
			if h.controllers == "" || err != nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(parent, name, inherited), bytes.TrimSpace(value), 0); err != nil {
				return err
			}
		}
		self := []byte("0") // whoever writes it
		if err := os.WriteFile(filepath.Join(parent, name, "cgroup.procs"), self, 0); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("make a cgroup namespace: %w", err)
	}
	if err := isolate.Mount("cgroups", cgroupRoot, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	for _, h := range list {
		if err := h.mount(); err != nil {
			return err
		}
	}
	return nil
}

// mount shows the hierarchy as the calling thread's cgroup namespace has it.
func (h hierarchy) mount() error {
	if err := os.MkdirAll(h.mounted, 0o755); err != nil {
		return err
	}
	switch {
	case h.controllers == "":
		return isolate.Mount("cgroup2", h.mounted, "cgroup2", 0, "")
	case strings.HasPrefix(h.controllers, "name="):
		return isolate.Mount("cgroup", h.mounted, "cgroup", 0, "none,"+h.controllers)
	}
	return isolate.Mount("cgroup", h.mounted, "cgroup", 0, h.controllers)
}

// sweepVar makes this program a sweeper. It is a prefix of names of cgroups.
const sweepVar = "RUNTIME_SWEEP"

// startSweeper starts a process that removes the cgroups of the machines when this process has ended, also if it was killed. The
// kernel, which removes all else of a machine, leaves them.
func startSweeper() error {
	r, w, err := os.Pipe() // its writing end stays open as long as this process lives
	if err != nil {
		return err
	}
	defer r.Close()
	sweeper = w
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), sweepVar+"="+cgroupPrefix())
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // signals to this process's group are not for it
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the sweeper of cgroups: %w", err)
	}
	return nil
}

// sweeper is the pipe to the sweeper; the garbage collector would close it.
var sweeper *os.File

// sweep waits until the process that has started this one ends, and removes the cgroups whose names begin with the prefix.
func sweep(prefix string) int {
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with that process; there is nothing to read
	list, err := hierarchies()
	for _, h := range list {
		groups, globErr := filepath.Glob(filepath.Join(h.mounted, h.group, prefix+"*"))
		err = errors.Join(err, globErr)
		for _, group := range groups {
			err = errors.Join(err, removeTree(group))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "remove the cgroups:", err)
		return 1
	}
	return 0
}

// cgroupPrefix returns the prefix of the names of this process's cgroups.
func cgroupPrefix() string { return fmt.Sprintf("tap-%d-", os.Getpid()) }

// removeCgroups removes the groups of that name, with all below. Their processes have ended.
func removeCgroups(t *testing.T, name string) {
	t.Helper()
	list, err := hierarchies()
	if err != nil {
		t.Error(err)
	}
	for _, h := range list {
		if err := removeTree(filepath.Join(h.mounted, h.group, name)); err != nil {
			t.Error(err)
		}
	}
}

// removeTree removes a group and those below it, if there is one.
func removeTree(group string) error {
	var dirs []string
	err := filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, dir := range slices.Backward(dirs) {
		if failed := removeCgroup(dir); failed != nil {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", dir, failed))
		}
	}
	return err
}

// removeCgroup gives the kernel the moment that it takes to forget the last process of a group.
func removeCgroup(dir string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err := unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}
