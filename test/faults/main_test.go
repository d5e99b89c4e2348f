//go:build amd64

package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain runs the tests in a mount namespace whose /run/netns is empty: GC looks
// there, and what others do there meanwhile would change the calls that it makes.
func TestMain(m *testing.M) {
	if os.Getenv("FAULTS") == "" {
		fmt.Println("not run: some minutes; make faults")
		return
	}
	const inside = "FAULTS_INSIDE"
	if os.Getenv(inside) == "" {
		os.Exit(again(inside + "=1"))
	}
	if err := hideNamespaces(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if only != "" && len(results.rows) == 0 {
		fmt.Fprintf(os.Stderr, "no such fault was reached: FAULT=%q\n", only)
		status = 1
	}
	results.print(os.Stdout)
	os.Exit(status)
}

// again runs this program in a mount namespace of its own.
func again(env string) int {
	runtime.LockOSThread() // Pdeathsig watches the thread
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), env)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintf(os.Stderr, "run as root: %v\n", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

func hideNamespaces() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := os.MkdirAll("/run/netns", 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/run/netns", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("hide /run/netns: %w", err)
	}
	return nil
}
