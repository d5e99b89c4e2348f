package harness

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// OpenTap attaches to a tap of the pod as root, with more flags, until the test ends.
func (h *Host) OpenTap(name string, flags uint16) int {
	h.t.Helper()
	fd := -1
	h.Must(h.Pod.Do(func() error {
		var err error
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			return fmt.Errorf("open /dev/net/tun: %w", err)
		}
		req, err := unix.NewIfreq(name)
		if err != nil {
			return fmt.Errorf("name %q: %w", name, err)
		}
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | flags)
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}))
	h.t.Cleanup(func() { _ = unix.Close(fd) }) // a device: nothing is buffered
	return fd
}

// Must fails the test on an error of its own preparations.
func (h *Host) Must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}
