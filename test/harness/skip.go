package harness

import (
	"os"
	"testing"
)

// NeedRoot skips the test, or fails it in CI: there a skip would hide.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "needs root: it makes network namespaces and devices")
	}
}

// Skip states why a test cannot run here, which in CI is a failure.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("would be skipped, which CI does not allow: %s", reason)
	}
	t.Skip(reason)
}

// OwnMachine says whether the machine is there for the tests alone, which may then change
// what is one for all namespaces. test/vm says so.
func OwnMachine() bool { return os.Getenv("TAP_MACHINE") == "own" }
