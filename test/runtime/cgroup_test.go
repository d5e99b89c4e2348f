package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
	if err := mount("cgroups", cgroupRoot, "tmpfs", 0, "mode=0755"); err != nil {
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
		return mount("cgroup2", h.mounted, "cgroup2", 0, "")
	case strings.HasPrefix(h.controllers, "name="):
		return mount("cgroup", h.mounted, "cgroup", 0, "none,"+h.controllers)
	}
	return mount("cgroup", h.mounted, "cgroup", 0, h.controllers)
}

// removeCgroups removes the groups of that name, with all below. Their processes have ended.
func removeCgroups(t *testing.T, name string) {
	t.Helper()
	list, err := hierarchies()
	if err != nil {
		t.Error(err)
	}
	for _, h := range list {
		var dirs []string
		err := filepath.WalkDir(filepath.Join(h.mounted, h.group, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		for _, dir := range slices.Backward(dirs) {
			if err := removeCgroup(dir); err != nil {
				t.Errorf("remove %s: %v", dir, err)
			}
		}
	}
}

// removeCgroup gives the kernel the moment that it takes to forget the last process of a group.
func removeCgroup(dir string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err := unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}
