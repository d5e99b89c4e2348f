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

func TestPodman(t *testing.T) {
	need(t, "podman", "runc")
	scripts(t, "podman", func(env *testscript.Env) error { return preparePodman(env, harness.Bin(t, "guest")) })
}

// containersConf is what a machine without systemd needs, besides the network's backend.
const containersConf = `[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc" # crun refuses a machine with both versions of cgroups

[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
`

const storageConf = `[storage]
driver = "vfs"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
`

// preparePodman configures Podman for the CNI backend and gives it the image "box".
func preparePodman(env *testscript.Env, guest string) error {
	for name, text := range map[string]string{"containers.conf": containersConf, "storage.conf": storageConf} {
		if err := os.WriteFile(filepath.Join("/etc/containers", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	box, err := box(guest)
	if err != nil {
		return err
	}
	archive := filepath.Join(env.WorkDir, ".box.tar")
	if err := box.save(archive); err != nil {
		return err
	}
	if out, err := exec.Command("podman", "load", "-q", "-i", archive).CombinedOutput(); err != nil {
		return fmt.Errorf("podman load: %w: %s", err, out)
	}
	return nil
}
