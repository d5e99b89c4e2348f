package isolate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tmp is the directory for temporary files of a machine. It is in memory, and everybody may use it.
const tmp = "/run/tmp"

// written is the directory that has what is written to the overlays of a machine.
const written = "/run/written"

// surroundings are the steps that make the calling process's namespaces look like a fresh machine.
func surroundings() []func() error {
	return []func() error{
		func() error { unix.Umask(0o022); return nil },
		func() error { return Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") },
		func() error { return Mount("proc", "/proc", "proc", 0, "") },
		detachNamespaces,
		func() error { return GiveTun(0o600) },
		func() error { return Mount("run", "/run", "tmpfs", 0, "mode=0755") },
		func() error { return os.Mkdir(tmp, 0o777) },
		func() error { return os.Chmod(tmp, 0o777|os.ModeSticky) },
		func() error { return os.Setenv("TMPDIR", tmp) },
		func() error { return os.Mkdir(written, 0o755) },
		hideCache,
		setLoopbackUp,
	}
}

// Mount is mount(2), with an error that names the mount point.
func Mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s at %s: %w", source, target, err)
	}
	return nil
}

// Overlay mounts an overlay of the directory lower at another, or at itself. What is written to it is seen on this machine only. It is
// for use in a setup.
func Overlay(lower, at string) error {
	upper, work := filepath.Join(written, at, "upper"), filepath.Join(written, at, "work")
	if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
		return err
	}
	return Mount("overlay", at, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work))
}

// hideCache hides /var/lib/cni, where libcni keeps results and host-local keeps addresses, also if it is made later.
func hideCache() error {
	const dir = "/var/lib/cni"
	if _, err := os.Stat(dir); err == nil {
		return Hide(dir)
	}
	err := Overlay("/var/lib", "/var/lib")
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EPERM) && InUserNamespace() {
		return nil // no overlayfs, or not for user namespaces (before Linux 5.11): programs use the real directory
	}
	return err
}

// Hide makes the directory an empty one on this machine. It is for use in a setup.
func Hide(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return Mount("hidden", dir, "tmpfs", 0, "mode=0755")
}

// detachNamespaces unmounts the names of namespaces, wherever they are. Their owners may remove them at any time, which would
// change the machine.
func detachNamespaces() error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line) // fstab(5): source, target, type
		if len(fields) < 3 || fields[2] != "nsfs" {
			continue
		}
		err := unix.Unmount(fields[1], unix.MNT_DETACH)
		gone := errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT)
		if err != nil && !gone {
			return fmt.Errorf("unmount %s: %w", fields[1], err)
		}
	}
	return nil
}

// setLoopbackUp sets lo up in the network namespace of the calling thread.
func setLoopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was sent
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

const tunPath = "/dev/net/tun"

// GiveTun replaces /dev/net/tun in the calling process's mounts, which must be private, by a node of that mode. A user namespace cannot
// make device nodes, so there it does nothing.
func GiveTun(mode os.FileMode) error {
	if InUserNamespace() {
		return nil
	}
	dir := filepath.Dir(tunPath)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := Mount("net", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755"); err != nil {
		return err
	}
	const major, minor = 10, 200 // Documentation/admin-guide/devices.txt
	if err := unix.Mknod(tunPath, unix.S_IFCHR, int(unix.Mkdev(major, minor))); err != nil {
		return fmt.Errorf("make %s: %w", tunPath, err)
	}
	return os.Chmod(tunPath, mode) // whatever the umask is
}
