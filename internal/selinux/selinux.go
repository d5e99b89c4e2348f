// Package selinux creates a tap with an SELinux label. A tap gets the label of the task that called TUNSETIFF
// (Linux 6.12, security/selinux/hooks.c, selinux_tun_dev_create). So a child process creates the tap: this
// program executes itself under the label, and the child inherits the open /dev/net/tun.
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

// ErrLabel is wrapped by the error if the kernel rejects the label, or if the policy does not allow the plugin
// to execute itself or to create a tap under it.
var ErrLabel = errors.New("SELinux label refused")

// childCommand is the first argument of the child process.
const childCommand = "create-tap-under-label"

// inheritedFd is the child's descriptor of /dev/net/tun: the first one of exec.Cmd.ExtraFiles.
const inheritedFd = 3

// Enabled reports whether the kernel enforces or at least logs an SELinux policy.
func Enabled() (bool, error) {
	_, err := os.Stat("/sys/fs/selinux/enforce")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("check for SELinux: %w", err)
	}
	return true, nil
}

// CreateTap creates a tap as tun.Create(o) does, but with an SELinux label.
func CreateTap(tun *tuntap.File, o tuntap.Options, label string) error {
	cmd := exec.Command("/proc/self/exe", childArgs(o)...)
	cmd.Env = []string{} // the child needs none, and the runtime's may contain secrets
	cmd.Stderr = os.Stderr
	// A duplicate for the child: os.File closes its descriptor, and must not close the plugin's.
	fd, err := unix.FcntlInt(uintptr(tun.Fd()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("duplicate the descriptor of %s: %w", tuntap.Path, err)
	}
	inherited := os.NewFile(uintptr(fd), tuntap.Path)
	defer inherited.Close() // nothing to flush: the file is only used with ioctls
	cmd.ExtraFiles = []*os.File{inherited}
	// No PDEATHSIG: the kernel clears it if execve changes the label. A child that outlives this process still
	// ends soon, and the device disappears with it.

	result := make(chan error, 1)
	go func() {
		// The exec label belongs to the thread: no other goroutine may run on it until it is cleared.
		runtime.LockOSThread()
		err := startLabelled(cmd, label)
		if errors.Is(err, errStillLabelled) {
			result <- err // the thread is still locked, so it exits with this goroutine, and with its label
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

// errStillLabelled reports that the exec label of the thread could not be cleared.
var errStillLabelled = errors.New("the exec label could not be cleared")

// startLabelled sets the label for the next execve of this thread, starts the child and clears the label, so that
// later children do not get it.
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

// setExecLabel sets the label for the next execve of this thread; "" clears it. The kernel requires a single
// write. The file is opened without O_CREAT, which would need another permission in the policy.
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

// childError returns the error of the child. The child reports its errno as its exit status, because the policy
// may have replaced its standard error by the null device.
func childError(err error, tun *tuntap.File, label string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == unix.SIGSEGV {
		// execve failed after the point where it can still return an error (Linux 6.12, fs/exec.c, bprm_execve)
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
	case unix.ENOTTY: // the kernel replaced it by the null device (security/selinux/hooks.c, flush_unauthorized_files)
		return fmt.Errorf("%w: %q may not use the plugin's open %s: %w", ErrLabel, label, tuntap.Path, errno)
	case unix.EACCES, unix.EPERM: // EPERM if the policy denies a capability
		return fmt.Errorf("%w: %s under %q: %w", ErrLabel, step, label, errno)
	}
	return fmt.Errorf("%s under %q: %w", step, label, errno)
}

// childArgs returns the arguments of the child, from which childOptions restores o.
func childArgs(o tuntap.Options) []string {
	id := func(id *uint32) string {
		if id == nil {
			return ""
		}
		return strconv.FormatUint(uint64(*id), 10)
	}
	return []string{childCommand, o.Name, strconv.FormatBool(o.MultiQueue), id(o.Owner), id(o.Group)}
}

// IsChild reports whether CreateTap started this process.
func IsChild(args []string) bool { return len(args) == 6 && args[1] == childCommand }

// Child creates the tap in the child process and returns its exit status: zero, or the errno.
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

// childOptions returns the options in the arguments of the child.
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

// parseID returns a user or group ID, or nil for an empty string.
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
