package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tap/test/harness"
)

// Debian's containerd.
func TestContainerd(t *testing.T) {
	need(t, "containerd", "ctr", "runc")
	needBuilt(t, "cri")
	scripts(t, "containerd", func(env *testscript.Env) error { return prepareContainerd(env, t) })
}

// Version 2 runs the same scripts, and those of what it alone does.
func TestContainerd2(t *testing.T) {
	need(t, "runc")
	needBuilt(t, "cri", "containerd2/containerd")
	scripts(t, "containerd*", func(env *testscript.Env) error {
		env.Setenv("PATH", harness.Bin(t, "runtime/containerd2")+":"+env.Getenv("PATH"))
		return prepareContainerd(env, t, "--local")
	})
}

// containerdConf is in the form of version 1.6, which version 2 takes as well. The CRI has to do without AppArmor and
// without the right to spare its pods from the kernel's choice when memory runs out.
const containerdConf = `version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:latest"
  disable_apparmor = true
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
  max_conf_num = 2
`

// prepareContainerd configures containerd and gives it the image of which pods are made.
func prepareContainerd(env *testscript.Env, t *testing.T, importOptions ...string) error {
	if err := addToPath(env, t, "cri"); err != nil {
		return err
	}
	if err := os.WriteFile("/etc/containerd/config.toml", []byte(containerdConf), 0o644); err != nil {
		return err
	}
	pause := image{
		name:  "localhost/pause:latest",
		run:   []string{"/bin/busybox", "sleep", "1000000"},
		files: map[string]string{"bin/busybox": "/bin/busybox"},
	}
	archive := filepath.Join(env.WorkDir, ".pause.tar")
	if err := pause.save(archive); err != nil {
		return err
	}
	script := exec.Command("sh", "-ec", `
		containerd 2>containerd.log & containerd=$!
		until ctr version >/dev/null 2>&1; do kill -0 $containerd; sleep 0.05; done
		ctr -n k8s.io images import --snapshotter native "$@"
		kill $containerd; wait $containerd || true`, "sh")
	script.Args = append(append(script.Args, importOptions...), archive)
	script.Env, script.Dir = env.Vars, os.TempDir() // of the script's PATH
	if out, err := script.CombinedOutput(); err != nil {
		return fmt.Errorf("import the image: %w: %s", err, out)
	}
	return nil
}
