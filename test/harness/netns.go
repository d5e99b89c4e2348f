package harness

import (
	"testing"

	"tap/test/netns"
)

// NewNetns makes an empty namespace, closed when the test ends.
func NewNetns(t testing.TB) *netns.Netns {
	t.Helper()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ns.Close)
	return ns
}
