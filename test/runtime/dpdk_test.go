package runtime

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// A userspace network stack on the taps, and a generator of frames (package netsniff-ng) outside.
func TestDPDK(t *testing.T) {
	need(t, "dpdk-testpmd", "mausezahn")
	scripts(t, "dpdk", func(env *testscript.Env) error { return addToPath(env, t, "cnitool") })
}
