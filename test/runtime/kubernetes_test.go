package runtime

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tap/test/harness"
)

// What a node's runtime and Multus do to a pod, without a cluster: Multus itself, driven by cnitool, and the libraries
// by which CRI-O and containerd read a result.
func TestKubernetes(t *testing.T) {
	programs := []string{"multus", "apiserver", "ocicnitool", "gocni", "gocni1.6"}
	needBuilt(t, programs...)
	scripts(t, "kubernetes", func(env *testscript.Env) error {
		if err := os.Symlink(harness.Bin(t, "runtime/multus"), "/opt/cni/bin/multus"); err != nil {
			return err
		}
		return addToPath(env, t, append(programs, "cnitool", "guest")...)
	})
}
