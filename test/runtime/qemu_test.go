//go:build amd64

package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tap/test/harness"
	"tap/test/initramfs"
)

// QEMU in a container of Podman's, under software emulation.
func TestQEMU(t *testing.T) {
	need(t, "podman", "runc", "qemu-system-x86_64")
	kernel, _ := initramfs.Kernel(t)
	scripts(t, "qemu", func(env *testscript.Env) error {
		initramfs.New(t, "../initramfs/guest-init", "virtio_pci", "virtio_net").Write(filepath.Join(env.WorkDir, "guest/initramfs"))
		image, err := os.ReadFile(kernel)
		return errors.Join(err,
			os.WriteFile(filepath.Join(env.WorkDir, "guest/kernel"), image, 0o644),
			preparePodman(env, harness.Bin(t, "guest")))
	})
}
