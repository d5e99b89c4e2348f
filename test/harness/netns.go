package harness

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Netns is a network namespace that lives as long as the test holds it open.
type Netns struct{ file *os.File }

// NewNetns makes an empty namespace, closed when the test ends.
func NewNetns(t testing.TB) *Netns {
	t.Helper()
	ns := &Netns{}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		ns.file = file
		return err
	})
	if err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() { ns.file.Close() })
	return ns
}

// Path is a valid CNI_NETNS without any mount, for as long as this process holds the namespace.
func (n *Netns) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// Do runs f on a thread in the namespace, which ends with f.
func (n *Netns) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return f()
	})
}

// Start starts a command in the namespace.
func (n *Netns) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// onThread runs f on a locked thread that is never used again.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}
