package harness

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tap/test/netns"
)

// Bind makes a namespace visible as a file in a folder, as runtimes do, until the
// test ends, and returns the path.
func (h *Host) Bind(ns *netns.Netns, dir, name string) string {
	h.t.Helper()
	return h.BindFile(ns.Path(), dir, name)
}

// BindFile is Bind for any file.
func (h *Host) BindFile(file, dir, name string) string {
	h.t.Helper()
	path := filepath.Join(dir, name)
	h.Must(os.WriteFile(path, nil, 0o600))
	h.Must(unix.Mount(file, path, "", unix.MS_BIND, ""))
	h.t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			h.t.Errorf("unmount %s: %v", path, err)
		}
		_ = os.Remove(path) // in a folder of the test, which goes as well, or in /run/netns
	})
	return path
}
