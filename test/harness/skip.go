package harness

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/isolate"
)

// NeedRoot skips the test unless it has the machine's own root, whose power over BPF, device nodes and kernel modules that of
// a user namespace does not have.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 || isolate.InUserNamespace() {
		skipUnprivileged(t, "needs root of the machine")
	}
}

// NeedTun skips the test unless /dev/net/tun can be opened.
func NeedTun(t testing.TB) {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		skipUnprivileged(t, "needs /dev/net/tun: "+err.Error())
		return
	}
	_ = unix.Close(fd) // only opened
}

// NeedUsers skips the test unless a process can become another user.
func NeedUsers(t testing.TB) {
	t.Helper()
	if !isolate.HasManyUsers() {
		skipUnprivileged(t, "needs other users: root, or user IDs granted by /etc/subuid and the program newuidmap (package uidmap)")
	}
}

// Unprivileged reports whether the tests are run without root on purpose, also in CI.
func Unprivileged() bool { return os.Getenv("TAP_UNPRIVILEGED") != "" }

// skipUnprivileged is Skip for want of root, which a run without root may lack.
func skipUnprivileged(t testing.TB, reason string) {
	t.Helper()
	if Unprivileged() {
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
