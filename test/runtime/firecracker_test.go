package runtime

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// What the Firecracker Go SDK does with a network, without Firecracker, which needs KVM.
func TestFirecracker(t *testing.T) {
	needBuilt(t, "microvm")
	scripts(t, "firecracker", func(env *testscript.Env) error { return addToPath(env, t, "microvm", "guest") })
}
