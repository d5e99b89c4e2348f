package runtime

import (
	"os"
	"path/filepath"
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
		if err := os.CopyFS(filepath.Join(env.WorkDir, "examples"), os.DirFS("../../examples")); err != nil {
			return err
		}
		return addToPath(env, t, append(programs, "cnitool", "guest")...)
	})
}

// needBuilt skips the test where a program could not be built from its module.
func needBuilt(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := os.Stat(filepath.Join(harness.BinDir(t), "runtime", name)); err != nil {
			harness.Skip(t, err.Error()+": `make runtime-test` builds it")
		}
	}
}

// addToPath lets the script call programs of bin/ and bin/runtime/ by their names; what else is there would hide
// programs of the distribution.
func addToPath(env *testscript.Env, t *testing.T, programs ...string) error {
	dir := filepath.Join(env.WorkDir, ".bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, name := range programs {
		path := filepath.Join(harness.BinDir(t), "runtime", name)
		if _, err := os.Stat(path); err != nil {
			path = harness.Bin(t, name)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	env.Setenv("PATH", dir+":"+env.Getenv("PATH"))
	return nil
}
