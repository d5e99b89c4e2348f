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

// Bound calls visit with each network namespace that is bound directly in a
// folder, and closes it afterwards. The folder may be anybody's: no entry is
// followed where it is a link, or opened before it is seen to be a namespace
// (opening a device or a FIFO has effects, and a dead file system may hang).
// Whatever else lies there is passed over, and so is what vanishes meanwhile.
//
// A folder that does not exist has none. The error is the folder's, or one that
// leaves entries unseen.
func Bound(dir string, visit func(*Sandbox)) error {
	folder, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer folder.Close()
	nsfs, err := ownDevice()
	if err != nil {
		return err
	}
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	var failed []error
	for _, name := range names {
		sandbox, err := openEntry(int(folder.Fd()), name, dir+"/"+name, nsfs)
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

// openEntry opens the namespace that is bound at an entry; nil: it is something else.
// All namespaces are files of one file system, whose device number is given.
func openEntry(folder int, name, path string, nsfs uint64) (*Sandbox, error) {
	// O_PATH finds the file and opens nothing.
	place, err := openat(folder, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return nil, unseen(path, err)
	}
	defer unix.Close(place) //nolint:errcheck // it was only looked at
	device, err := deviceOf(place)
	if err != nil {
		return nil, unseen(path, err)
	}
	if device != nsfs {
		return nil, nil
	}
	// The very same file, whatever the name leads to by now (proc(5), /proc/pid/fd).
	sandbox, err := Open("/proc/thread-self/fd/" + strconv.Itoa(place))
	if errors.Is(err, ErrNotNamespace) {
		return nil, nil // of another type
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	sandbox.path = path
	return sandbox, nil
}

// unseen is the failure to look at an entry, unless that says that the entry is gone,
// or lies on another file system, which is dead.
func unseen(path string, err error) error {
	for _, none := range []error{fs.ErrNotExist, unix.ESTALE, unix.ENOTCONN} {
		if errors.Is(err, none) {
			return nil
		}
	}
	return fmt.Errorf("look at %s: %w", path, err)
}

// deviceOf is the number of the device on which a file lies. It asks no file system,
// which could take for ever (statx(2), AT_STATX_DONT_SYNC).
func deviceOf(place int) (uint64, error) {
	var stat unix.Statx_t
	err := eintr.Retry(func() error {
		return unix.Statx(place, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC|unix.AT_SYMLINK_NOFOLLOW, 0, &stat)
	})
	return unix.Mkdev(stat.Dev_major, stat.Dev_minor), err
}

// ownDevice is the number of the device on which all namespaces lie.
func ownDevice() (uint64, error) {
	fd, err := openOwn()
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd) //nolint:errcheck // it was only looked at
	own, err := stat(fd)
	if err != nil {
		return 0, fmt.Errorf("stat own network namespace: %w", err)
	}
	return own.Dev, nil
}
