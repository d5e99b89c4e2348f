package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// WalkBindMounts calls visit for each network namespace that is bind-mounted directly in the
// directory dir, and closes the Sandbox afterwards. The directory may be untrusted. So
// WalkBindMounts does not follow symbolic links, and opens an entry only after it has identified
// the entry as a namespace: opening a device or a FIFO has side effects, and an unresponsive file
// system may block. Other entries, and entries that disappear during the walk, are skipped.
//
// WalkBindMounts returns nil if dir does not exist. If an entry cannot be inspected, it continues
// with the next entry and returns the error at the end.
func WalkBindMounts(dir string, visit func(*Sandbox)) error {
	d, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	nsfs, err := nsfsDevice()
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("read directory %s: %w", dir, err)
	}
	var failed []error
	for _, name := range names {
		sandbox, err := openEntry(int(d.Fd()), name, dir+"/"+name, nsfs)
		if err != nil {
			failed = append(failed, err)
		}
		if sandbox != nil {
			visit(sandbox)
			sandbox.Close()
		}
	}
	return errors.Join(failed...)
}

// openEntry opens the namespace that is bind-mounted at a directory entry. It returns nil if the
// entry is not a network namespace. All namespaces are files of one file system, nsfs. The argument
// nsfs is its device number.
func openEntry(dirFd int, name, path string, nsfs uint64) (*Sandbox, error) {
	// O_PATH locates the file without opening it.
	pathFd, err := openat(dirFd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return nil, inspectError(path, err)
	}
	defer unix.Close(pathFd) //nolint:errcheck // nothing was written
	device, err := deviceOf(pathFd)
	if err != nil {
		return nil, inspectError(path, err)
	}
	if device != nsfs {
		return nil, nil
	}
	// This reopens the same file, even if the name has been replaced (proc(5), /proc/pid/fd).
	sandbox, err := Open("/proc/thread-self/fd/" + strconv.Itoa(pathFd))
	if errors.Is(err, ErrNotNamespace) {
		return nil, nil // a namespace of another type
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	sandbox.path = path
	return sandbox, nil
}

// inspectError wraps the error of an entry that could not be inspected. It returns nil if the entry
// has disappeared, or is on another file system that has lost its connection.
func inspectError(path string, err error) error {
	for _, ignored := range []error{fs.ErrNotExist, unix.ESTALE, unix.ENOTCONN} {
		if errors.Is(err, ignored) {
			return nil
		}
	}
	return fmt.Errorf("inspect %s: %w", path, err)
}

// deviceOf returns the number of the device that contains a file. It does not synchronize with the
// file system, which could block forever (statx(2), AT_STATX_DONT_SYNC).
func deviceOf(fd int) (uint64, error) {
	var stat unix.Statx_t
	err := eintr.Retry(func() error {
		return unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC|unix.AT_SYMLINK_NOFOLLOW, 0, &stat)
	})
	return unix.Mkdev(stat.Dev_major, stat.Dev_minor), err
}

// nsfsDevice returns the number of the device that contains all namespaces.
func nsfsDevice() (uint64, error) {
	fd, err := openOwn()
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	own, err := stat(fd)
	if err != nil {
		return 0, fmt.Errorf("stat own network namespace: %w", err)
	}
	return own.Dev, nil
}
