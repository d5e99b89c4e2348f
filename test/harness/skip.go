package harness

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/isolate"
)

// NeedRoot skips the test unless it has root of the machine. Root of a user namespace cannot load BPF programs or make device nodes.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 || isolate.InUserNamespace() {
		skipUnprivileged(t, "needs root of the machine")
	}
}

// NeedUsers skips the test unless a process can become another user.
func NeedUsers(t testing.TB) {
	t.Helper()
	if !isolate.HasManyUsers() {
		skipUnprivileged(t, "needs other users: root, or user IDs granted by /etc/subuid and the program newuidmap (package uidmap)")
	}
}

// NeedTun skips the test unless /dev/net/tun can be opened.
func NeedTun(t testing.TB) {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		Skip(t, "needs /dev/net/tun: "+err.Error())
		return
	}
	_ = unix.Close(fd) // only opened
}

// skipUnprivileged skips the test for want of a privilege. In CI that fails the test, except in the run as another user (test/user.sh).
func skipUnprivileged(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("TAP_UNPRIVILEGED") != "" {
		t.Skip(reason)
	}
	Skip(t, reason)
}

// Skip skips the test with the reason why it cannot run here. In CI it fails the test, where a skip would not be noticed.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("would be skipped, which CI does not allow: %s", reason)
	}
	t.Skip(reason)
}
