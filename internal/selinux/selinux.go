// Package selinux creates a tap under an SELinux label. The label of a tap is
// that of the task that called TUNSETIFF (Linux 6.12, security/selinux/hooks.c,
// selinux_tun_dev_create), so a child of ours does it: this program again,
// executed under the label, with the open /dev/net/tun inherited.
package selinux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"tap/internal/tuntap"
)

// ErrLabel is in the chain where the kernel does not take the label, or the policy
// does not let the plugin execute itself, or make a tap, under it.
var ErrLabel = errors.New("SELinux label refused")

// childCommand is the first argument that makes this program the child.
const childCommand = "create-tap-under-label"

// inheritedFd is where the child finds /dev/net/tun.
const inheritedFd = 3

// Enabled says whether the kernel enforces or at least logs an SELinux policy.
func Enabled() (bool, error) {
	_, err := os.Stat("/sys/fs/selinux/enforce")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for SELinux: %w", err)
	}
	return true, nil
}

// CreateTap does tun.Create(o) under a label.
func CreateTap(tun *tuntap.File, o tuntap.Options, label string) error {
	cmd := exec.Command("/proc/self/exe", childArgs(o)...)
	cmd.Env = []string{} // it needs none, and a runtime's may hold secrets
	cmd.Stderr = os.Stderr
	// A second descriptor for the child: closing it must not close the plugin's.
	fd, err := unix.FcntlInt(uintptr(tun.Fd()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("duplicate the descriptor of %s: %w", tuntap.Path, err)
	}
	inherited := os.NewFile(uintptr(fd), tuntap.Path)
	defer inherited.Close() // only ever written through ioctls: nothing can be lost
	cmd.ExtraFiles = []*os.File{inherited}
	// No PDEATHSIG, which the kernel clears where an exec changes the label. A child that
	// outlives us ends all the same, and with it the device.

	result := make(chan error, 1)
	go func() {
		// The label is the thread's: nobody else may use it meanwhile.
		runtime.LockOSThread()
		err := startLabelled(cmd, label)
		if errors.Is(err, errStillLabelled) {
			result <- err // still locked: the thread ends here, and its label with it
			return
		}
		if err == nil {
			err = cmd.Wait()
		}
		runtime.UnlockOSThread()
		result <- err
	}()
	return childError(<-result, tun, label)
}

// errStillLabelled: the label could not be taken off the thread again.
var errStillLabelled = errors.New("the exec label could not be cleared")

// startLabelled sets the label for the next execve of this thread, executes the
// child and clears it: whatever is executed later must not bear it.
func startLabelled(cmd *exec.Cmd, label string) error {
	if err := setExecLabel(label); err != nil {
		return fmt.Errorf("%w: %q: %w", ErrLabel, label, err)
	}
	err := cmd.Start()
	if err != nil {
		err = fmt.Errorf("%w: execute the plugin under %q: %w", ErrLabel, label, err)
	}
	if clearErr := setExecLabel(""); clearErr != nil {
		if err == nil {
			err = errors.Join(cmd.Process.Kill(), cmd.Wait())
		}
		return errors.Join(fmt.Errorf("%w: %w", errStillLabelled, clearErr), err)
	}
	return err
}

// setExecLabel writes in one write, as the kernel demands; "" clears. Without
// O_CREAT, for which a policy would be asked.
func setExecLabel(label string) error {
	const path = "/proc/thread-self/attr/exec"
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	_, err = unix.Write(fd, []byte(label))
	if err != nil {
		err = fmt.Errorf("write %s: %w", path, err)
	}
	return errors.Join(err, unix.Close(fd))
}

// childError tells what went wrong in the child, whose exit status is the errno:
// the policy may have replaced its standard error by the null device.
func childError(err error, tun *tuntap.File, label string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == unix.SIGSEGV {
		// too late for execve to fail (Linux 6.12, fs/exec.c, bprm_execve)
		return fmt.Errorf("%w: %q may not read or map the plugin's file: %w", ErrLabel, label, err)
	}
	if exit.ExitCode() <= 0 {
		return err
	}
	errno := unix.Errno(exit.ExitCode())
	step := "TUNSETIFF"
	if _, nameErr := tun.Name(); nameErr == nil {
		step = "set owner and group"
	}
	switch errno {
	case unix.EBUSY:
		return fmt.Errorf("TUNSETIFF under %q: %w; %w", label, errno, tuntap.ErrExists)
	case unix.ENOTTY: // the null device in its place (security/selinux/hooks.c, flush_unauthorized_files)
		return fmt.Errorf("%w: %q may not use the plugin's open %s: %w", ErrLabel, label, tuntap.Path, errno)
	case unix.EACCES, unix.EPERM: // a refused capability is EPERM
		return fmt.Errorf("%w: %s under %q: %w", ErrLabel, step, label, errno)
	}
	return fmt.Errorf("%s under %q: %w", step, label, errno)
}

func childArgs(o tuntap.Options) []string {
	id := func(id *uint32) string {
		if id == nil {
			return ""
		}
		return strconv.FormatUint(uint64(*id), 10)
	}
	return []string{childCommand, o.Name, strconv.FormatBool(o.MultiQueue), id(o.Owner), id(o.Group)}
}

// IsChild says whether the program was started by CreateTap.
func IsChild(args []string) bool { return len(args) == 6 && args[1] == childCommand }

// Child creates the device and returns the exit status: zero, or the errno.
func Child(args []string) int {
	o, err := childOptions(args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tap:", err)
		return int(unix.EINVAL)
	}
	if err := tuntap.NewFile(inheritedFd).Create(o); err != nil {
		var errno unix.Errno
		if errors.As(err, &errno) {
			return int(errno)
		}
		fmt.Fprintln(os.Stderr, "tap:", err)
		return int(unix.EINVAL)
	}
	return 0
}

func childOptions(args []string) (tuntap.Options, error) {
	o := tuntap.Options{Name: args[0]}
	var err error
	if o.MultiQueue, err = strconv.ParseBool(args[1]); err != nil {
		return o, fmt.Errorf("multiQueue: %w", err)
	}
	if o.Owner, err = parseID(args[2]); err != nil {
		return o, fmt.Errorf("owner: %w", err)
	}
	if o.Group, err = parseID(args[3]); err != nil {
		return o, fmt.Errorf("group: %w", err)
	}
	return o, nil
}

func parseID(s string) (*uint32, error) {
	if s == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return nil, err
	}
	id := uint32(n)
	return &id, nil
}
