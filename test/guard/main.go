// Guard runs a command from surroundings that differ from those in which most people work, and fails if the machine is different
// afterwards: guard make test. It is for CI. While the command runs, IP forwarding of the machine is off.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"tap/test/isolate"
	"tap/test/state"
)

func main() {
	if len(os.Args) < 2 || os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "usage, as root: guard COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	runtime.LockOSThread() // its mounts are the command's, and the command ends with it
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command []string) error {
	restore, err := freshMachine()
	if err == nil {
		err = observe(ctx, command)
	}
	return errors.Join(err, restore())
}

// freshMachine gives the calling thread mounts of its own with a /dev/net/tun as on a fresh machine, and switches IP forwarding off. It
// returns a function that switches it on again, also with an error.
func freshMachine() (func() error, error) {
	var undo []func() error
	restore := func() error {
		var failed error
		for _, back := range undo {
			failed = errors.Join(failed, back())
		}
		return failed
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return restore, fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := isolate.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return restore, err
	}
	if err := isolate.GiveTun(0o600); err != nil {
		return restore, err
	}
	const forward = "/proc/sys/net/ipv4/ip_forward"
	before, err := os.ReadFile(forward)
	if err != nil {
		return restore, err
	}
	if strings.TrimSpace(string(before)) == "0" {
		return restore, nil
	}
	undo = append(undo, func() error { return os.WriteFile(forward, before, 0) })
	return restore, os.WriteFile(forward, []byte("0"), 0)
}

// observe runs the command and compares the machine before and after.
func observe(ctx context.Context, command []string) error {
	tmp, err := os.MkdirTemp("", "guard-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // what is left in it is an error below
	before, err := state.Read()
	if err != nil {
		return err
	}
	mark := fmt.Sprintf("TAP_GUARD=%d", os.Getpid())
	unix.Umask(0o077)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), mark, "TMPDIR="+tmp, "LANG=C.UTF-8", "TZ=Asia/Kathmandu")
	failed := cmd.Run()
	if failed != nil {
		failed = fmt.Errorf("%s: %w", strings.Join(command, " "), failed)
	}
	return errors.Join(failed, unchanged(before, mark, tmp))
}

// unchanged returns an error that lists what is different from before.
func unchanged(before state.State, mark, tmp string) error {
	left, err := before.Await(mark)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(tmp, "*"))
	for _, file := range files {
		left = append(left, "left behind: "+file)
	}
	if len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("the machine is different from before:\n%s", strings.Join(left, "\n")))
	}
	return err
}
