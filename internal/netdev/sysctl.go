package netdev

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// EnableIPv6 sets disable_ipv6 to 0 for the named device in the network namespace of the calling
// thread. It reports whether it changed the value. It does nothing if the kernel has no IPv6; the
// caller then gets an error when it adds the address.
func EnableIPv6(name string) (bool, error) {
	return ignoreNoIPv6(setSysctl(ipv6Path(name, "disable_ipv6"), "0"))
}

// DisableIPv6 reverts EnableIPv6: it sets disable_ipv6 to 1.
func DisableIPv6(name string) error {
	_, err := ignoreNoIPv6(setSysctl(ipv6Path(name, "disable_ipv6"), "1"))
	return err
}

// KeepIPv6OnDown sets keep_addr_on_down to 1: the device keeps its IPv6 addresses when it is set
// down.
func KeepIPv6OnDown(name string) error {
	_, err := ignoreNoIPv6(setSysctl(ipv6Path(name, "keep_addr_on_down"), "1"))
	return err
}

func ipv6Path(device, key string) string { return "/proc/sys/net/ipv6/conf/" + device + "/" + key }

func ignoreNoIPv6(changed bool, err error) (bool, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return changed, err
}

// allRedirects is the setting that the kernel combines with that of each device: a device that does
// not forward accepts IPv4 redirects if one of the two is 1 (Linux 6.12,
// include/linux/inetdevice.h, IN_DEV_RX_REDIRECTS).
const allRedirects = "/proc/sys/net/ipv4/conf/all/accept_redirects"

// DisableAllIPv4Redirects sets net.ipv4.conf.all.accept_redirects to 0 in the network namespace of
// the calling thread. It reports whether it changed the value.
func DisableAllIPv4Redirects() (bool, error) { return setSysctl(allRedirects, "0") }

// EnableAllIPv4Redirects reverts DisableAllIPv4Redirects: it sets the value to 1.
func EnableAllIPv4Redirects() error {
	_, err := setSysctl(allRedirects, "1")
	return err
}

// setSysctl writes value to a file below /proc/sys and reports whether it changed the value. It
// does not write a value that is already set, because /proc/sys may be read-only in an environment
// that set it earlier.
func setSysctl(path, value string) (bool, error) {
	fd, err := open(path, unix.O_RDWR)
	readOnly := errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES)
	if readOnly {
		fd, err = open(path, unix.O_RDONLY)
	}
	if err != nil {
		return false, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd) //nolint:errcheck // the kernel reports errors of a write at once
	var old [16]byte
	n := 0
	err = eintr.Retry(func() error {
		var err error
		n, err = unix.Pread(fd, old[:], 0)
		return err
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("read %s: %w", path, err)
	case string(bytes.TrimSpace(old[:n])) == value:
		return false, nil
	case readOnly:
		return false, fmt.Errorf("write %s to %s: %w", value, path, unix.EROFS)
	}
	if err := write(fd, value); err != nil {
		return false, fmt.Errorf("write %s to %s: %w", value, path, err)
	}
	return true, nil
}

// write writes to the beginning of a file.
func write(fd int, text string) error {
	return eintr.Retry(func() error {
		_, err := unix.Pwrite(fd, []byte(text), 0)
		return err
	})
}

// open calls open(2). Unlike package os it does not set up the poller, which costs six system calls.
func open(path string, flags int) (int, error) {
	fd := -1
	err := eintr.Retry(func() error {
		var err error
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}
