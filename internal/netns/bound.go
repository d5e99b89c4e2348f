package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
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
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	var failed []error
	for _, name := range names {
		sandbox, err := openEntry(int(folder.Fd()), name, dir+"/"+name)
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
func openEntry(folder int, name, path string) (*Sandbox, error) {
	// O_PATH finds the file and opens nothing.
	place, err := unix.Openat(folder, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, exhausted(path, err)
	}
	defer unix.Close(place) //nolint:errcheck // it was only looked at
	if !onNsfs(place) {
		return nil, nil
	}
	// The very same file, whatever the name leads to by now (proc(5), /proc/pid/fd).
	sandbox, err := Open("/proc/thread-self/fd/" + strconv.Itoa(place))
	if errors.Is(err, ErrNotNamespace) {
		return nil, nil // of another type
	}
	if err != nil {
		return nil, exhausted(path, err)
	}
	sandbox.path = path
	return sandbox, nil
}

// exhausted lets pass only what says nothing about the entry: the others of the
// folder would not be seen either.
func exhausted(path string, err error) error {
	for _, shortage := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
		if errors.Is(err, shortage) {
			return fmt.Errorf("open %s: %w", path, err)
		}
	}
	return nil
}

// onNsfs compares the device numbers with those of our own namespace: all
// namespaces are files of one file system. It asks no other file system, which
// could take for ever (statx(2), AT_STATX_DONT_SYNC).
func onNsfs(place int) bool {
	var own unix.Stat_t
	if err := unix.Stat(ownPath, &own); err != nil {
		return false
	}
	var stat unix.Statx_t
	if err := unix.Statx(place, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC|unix.AT_SYMLINK_NOFOLLOW, 0, &stat); err != nil {
		return false
	}
	return stat.Dev_major == unix.Major(own.Dev) && stat.Dev_minor == unix.Minor(own.Dev)
}
