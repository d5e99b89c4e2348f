package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// ErrUnresponsive reports that a directory did not respond in time.
var ErrUnresponsive = errors.New("did not respond")

// Directory is a directory in which namespaces are bind-mounted.
type Directory struct {
	Path string
	// Untrusted means that the path may lead to a file system that a hostile process provides. It
	// must be clean and absolute, and must not contain symbolic links.
	Untrusted bool
}

// WalkBindMounts calls visit for each network namespace that is bind-mounted directly in one of
// dirs, and closes the Sandbox afterwards. The content of the directories may be untrusted. So
// WalkBindMounts does not follow symbolic links, and opens an entry only after it has identified
// the entry as a namespace: opening a device or a FIFO has side effects, and an unresponsive file
// system may block. Other entries, entries that disappear during the walk, and directories that do
// not exist are skipped.
//
// If an entry or a directory cannot be inspected, WalkBindMounts continues with the next one and
// returns the error at the end. It waits for the file systems as long as patience in all. After
// that it returns an error that wraps ErrUnresponsive, and leaves out the rest; a thread of the
// process may then still be waiting.
func WalkBindMounts(dirs []Directory, patience time.Duration, visit func(*Sandbox)) error {
	w := newWalk()
	go w.run(dirs)
	return w.receive(patience, visit)
}

// walk is a walk in progress, in a goroutine of its own.
type walk struct {
	found   chan *Sandbox
	done    chan struct{}          // closed at the end
	failed  []error                // valid when done is closed
	current atomic.Pointer[string] // path of the directory
	mounts  mounts
}

func newWalk() *walk {
	w := &walk{found: make(chan *Sandbox), done: make(chan struct{})}
	w.current.Store(new(string))
	return w
}

// receive calls visit for what run finds.
func (w *walk) receive(patience time.Duration, visit func(*Sandbox)) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		waiting := time.Now()
		select {
		case sandbox := <-w.found:
			patience -= time.Since(waiting)
			timer.Stop()
			visit(sandbox)
			sandbox.Close()
			timer.Reset(patience)
		case <-w.done:
			return errors.Join(w.failed...)
		case <-timer.C:
			return fmt.Errorf("directory %s: %w; it and those after it were left out", *w.current.Load(), ErrUnresponsive)
		}
	}
}

func (w *walk) run(dirs []Directory) {
	defer close(w.done)
	for _, dir := range dirs {
		w.current.Store(&dir.Path)
		if err := w.readDirectory(dir); err != nil {
			w.failed = append(w.failed, err)
		}
	}
}

func (w *walk) readDirectory(dir Directory) error {
	if dir.Untrusted {
		if err := w.mounts.check(dir.Path); err != nil {
			return err
		}
	}
	fd, err := openDirectory(dir)
	if errors.Is(err, fs.ErrNotExist) { // only of this call: the list of mounts must exist
		return nil
	}
	if err != nil {
		return err
	}
	d := os.NewFile(uintptr(fd), dir.Path)
	defer d.Close()
	nsfs, err := nsfsDevice()
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("read directory %s: %w", dir.Path, err)
	}
	var failed []error
	for _, name := range names {
		sandbox, err := openEntry(fd, name, dir.Path+"/"+name, nsfs)
		if err != nil {
			failed = append(failed, err)
		}
		if sandbox != nil {
			w.found <- sandbox
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
