package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// self is this program, also where its path cannot be reached without privilege.
const self = "/proc/self/exe"

// becomeUnprivileged executes the program again, as the user, in the pod's
// network namespace, without any capability. It returns only on failure. What it
// changes is the calling thread's; the others end with execve.
//
// User 0 keeps its number only: with an empty bounding set no execve gives it
// anything (capabilities(7)).
func becomeUnprivileged(o *options, args []string) error {
	parent := os.Getppid()
	var none [2]unix.CapUserData
	var deathSignal int32
	argv := append([]string{"guest", unprivileged}, args...)
	program, err := copySelf()
	if err != nil {
		return fmt.Errorf("copy %s: %w", self, err)
	}
	return inOrder(
		step{"make a mount namespace", func() error { return unix.Unshare(unix.CLONE_NEWNS) }},
		step{"make its mounts private", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		step{"make the device accessible", makeAccessible},
		step{"enter the network namespace", func() error { return enter(o.netns) }},
		step{"get the parent death signal", func() error {
			return prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&deathSignal)))
		}},

		step{"empty the capability bounding set", emptyBoundingSet},
		step{"clear the ambient capabilities", func() error { return prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL) }},
		step{"set the supplementary groups", func() error { return unix.Setgroups(o.groups) }},
		step{"set the group", func() error { return unix.Setresgid(o.group, o.group, o.group) }},
		step{"set the user", func() error { return unix.Setresuid(o.user, o.user, o.user) }},
		step{"drop all capabilities", func() error {
			return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
		}},
		step{"set no_new_privs", func() error { return prctl(unix.PR_SET_NO_NEW_PRIVS, 1) }},

		// The kernel has forgotten it with the change of credentials (prctl(2)).
		step{"set the parent death signal", func() error { return prctl(unix.PR_SET_PDEATHSIG, uintptr(deathSignal)) }},
		step{"look for the parent", func() error {
			if deathSignal != 0 && os.Getppid() != parent {
				return errors.New("it died")
			}
			return nil
		}},
		step{"execute " + self, func() error { return unix.Exec(program, argv, os.Environ()) }},
	)
}

// copySelf copies this program into memory, and returns a path of the copy that every user may execute. The program's file may be its
// owner's alone, as a umask of 077 makes it.
func copySelf() (string, error) {
	file, err := os.Open(self)
	if err != nil {
		return "", err
	}
	defer file.Close()
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		return "", err
	}
	memory := os.NewFile(uintptr(fd), "guest") // stays open until execve
	_, err = memory.ReadFrom(file)
	return fmt.Sprintf("/proc/self/fd/%d", memory.Fd()), err
}

// makeAccessible replaces the device node by one that everybody may open, if it is not one.
func makeAccessible() error {
	const everybody = 0o666
	if info, err := os.Stat(tunPath); err == nil && info.Mode().Perm() == everybody {
		return nil // in a user namespace no node can be made
	}
	return inOrder(
		step{"mount a device directory", func() error {
			return unix.Mount("guest", "/dev/net", "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755")
		}},
		step{"make the device node", func() error { return unix.Mknod(tunPath, unix.S_IFCHR, int(unix.Mkdev(10, 200))) }},
		step{"set its mode", func() error { return os.Chmod(tunPath, everybody) }}, // whatever the umask is
	)
}

type step struct {
	what string
	do   func() error
}

// inOrder stops at the first error.
func inOrder(steps ...step) error {
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

func enter(netns string) error {
	if netns == "" {
		return errors.New("-netns is needed")
	}
	ns, err := os.Open(netns)
	if err != nil {
		return err
	}
	defer ns.Close() // read only
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("setns %s: %w", netns, err)
	}
	return nil
}

func emptyBoundingSet() error {
	for capability := uintptr(0); ; capability++ {
		err := prctl(unix.PR_CAPBSET_DROP, capability)
		if errors.Is(err, unix.EINVAL) && capability > 0 {
			return nil // past the last that this kernel knows
		}
		if err != nil {
			return err
		}
	}
}

// checkUnprivileged asks another witness, after the execve that could have given something back.
func checkUnprivileged(o *options) error {
	const path = "/proc/thread-self/status"
	status, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("look for privileges: %w", err)
	}
	is := make(map[string]string)
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		is[key] = strings.Join(strings.Fields(value), " ")
	}
	want := map[string]string{
		"Uid":        numbers(o.user, o.user, o.user, o.user), // real, effective, saved, file system
		"Gid":        numbers(o.group, o.group, o.group, o.group),
		"Groups":     numbers(slices.Sorted(slices.Values(o.groups))...),
		"NoNewPrivs": "1",
	}
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		want[set] = "0000000000000000"
	}
	for key, value := range want {
		if is[key] != value {
			return fmt.Errorf("privileges were not dropped: %s has %s %q, not %q", path, key, is[key], value)
		}
	}
	return nil
}

func numbers(list ...int) string {
	var fields []string
	for _, n := range list {
		fields = append(fields, strconv.Itoa(n))
	}
	return strings.Join(fields, " ")
}

func prctl(option int, arg uintptr) error { return unix.Prctl(option, arg, 0, 0, 0) }
