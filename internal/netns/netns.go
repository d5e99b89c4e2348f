// Package netns opens, enters, compares and locks network namespaces. It does not depend on CNI.
package netns

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// Errors that callers test for with errors.Is.
var (
	// ErrNotNamespace reports that the path refers to another kind of file, for example to the
	// plain file that remains of a bind mount after a reboot.
	ErrNotNamespace = errors.New("not a network namespace")
	// ErrEnter reports that the namespace exists, but the kernel does not allow entering it.
	ErrEnter = errors.New("enter network namespace")
	// ErrOwn reports that the path refers to the network namespace of the process itself.
	ErrOwn = errors.New("the plugin's own network namespace")
)

// ownPath is the path of the calling thread's namespace. Outside of Do that is the namespace of the
// process. (/proc/self is the main thread, which may be inside Do.)
const ownPath = "/proc/thread-self/ns/net"

// Sandbox is an open network namespace. Its methods must not be called concurrently.
type Sandbox struct {
	fd    int
	path  string
	ownFd int // the namespace of the process, to return to; -1: not opened yet
}

// New creates an empty network namespace. The kernel deletes it when the Sandbox is closed and no
// process or socket uses it any more.
func New() (*Sandbox, error) {
	created := &Sandbox{fd: -1, ownFd: -1, path: "created for a trial"}
	enter := func() (func() error, error) {
		return created.switchNetns(func() error { return unix.Unshare(unix.CLONE_NEWNET) })
	}
	err := runOnNewThread(enter, func() error {
		var err error
		created.fd, err = openOwn()
		return err
	})
	if err != nil {
		created.Close()
		return nil, err
	}
	return created, nil
}

// Open opens the network namespace at path. The error wraps fs.ErrNotExist if path does not exist,
// and ErrNotNamespace if it is another kind of file.
func Open(path string) (*Sandbox, error) {
	// O_NONBLOCK prevents blocking on a FIFO.
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	if err := isNetns(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("open network namespace %s: %w", path, err), unix.Close(fd))
	}
	return &Sandbox{fd: fd, path: path, ownFd: -1}, nil
}

// isNetns returns ErrNotNamespace if fd is not a network namespace. It checks the type of the file
// system before it uses NS_GET_NSTYPE, because the driver of another file could interpret that
// number as a different ioctl.
func isNetns(fd int) error {
	var fs unix.Statfs_t
	if err := eintr.Retry(func() error { return unix.Fstatfs(fd, &fs) }); err != nil {
		return fmt.Errorf("fstatfs: %w", err)
	}
	if fs.Type != unix.NSFS_MAGIC {
		return ErrNotNamespace
	}
	var kind int
	err := eintr.Retry(func() error {
		var err error
		kind, err = unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE) // since Linux 4.11
		return err
	})
	if err != nil {
		return fmt.Errorf("NS_GET_NSTYPE: %w", err)
	}
	if kind != unix.CLONE_NEWNET {
		return ErrNotNamespace
	}
	return nil
}

// IsOwn reports whether s is the network namespace of this process.
func (s *Sandbox) IsOwn() (bool, error) {
	ownFd, err := s.openOwnOnce()
	if err != nil {
		return false, err
	}
	own, err := stat(ownFd)
	if err != nil {
		return false, fmt.Errorf("stat own network namespace: %w", err)
	}
	inode, err := s.Inode()
	return err == nil && inode == own.Ino, err
}

// openOwnOnce returns a descriptor of the namespace of the process. It opens it on the first call.
func (s *Sandbox) openOwnOnce() (int, error) {
	if s.ownFd >= 0 {
		return s.ownFd, nil
	}
	var err error
	s.ownFd, err = openOwn()
	return s.ownFd, err
}

// openOwn opens the namespace of the calling thread.
func openOwn() (int, error) {
	fd, err := openat(unix.AT_FDCWD, ownPath, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("open own network namespace: %w", err)
	}
	return fd, nil
}

// Inode returns the inode number, which identifies the namespace while it is open.
func (s *Sandbox) Inode() (uint64, error) {
	stat, err := stat(s.fd)
	if err != nil {
		return 0, fmt.Errorf("stat network namespace %s: %w", s.path, err)
	}
	return stat.Ino, nil
}

// stat calls fstat(2).
func stat(fd int) (unix.Stat_t, error) {
	var stat unix.Stat_t
	err := eintr.Retry(func() error { return unix.Fstat(fd, &stat) })
	return stat, err
}

// Path returns the path of the namespace for messages.
func (s *Sandbox) Path() string { return s.path }

// Do runs f in the namespace, on another thread that is locked to its goroutine. A goroutine that f
// starts does not run in the namespace. Afterwards the thread returns to the namespace of the
// process. If that fails, the thread exits.
func (s *Sandbox) Do(f func() error) error { return runOnNewThread(s.enter, f) }

// DoInPlace runs f in the namespace like Do, but on the calling thread, which saves waking up
// another one. After an error the calling goroutine may still be in the namespace. It must not
// start a process then, and must end soon.
func (s *Sandbox) DoInPlace(f func() error) error { return runLocked(s.enter, f) }

// runOnNewThread calls runLocked in a new goroutine.
func runOnNewThread(enter func() (func() error, error), f func() error) error {
	result := make(chan error, 1)
	go func() { result <- runLocked(enter, f) }() // a thread that is still locked exits with this goroutine
	return <-result
}

// runLocked locks the calling thread and calls enter, f and the function that enter returned. The
// thread remains locked if that function fails.
func runLocked(enter func() (func() error, error), f func() error) error {
	runtime.LockOSThread()
	leave, err := enter()
	if err != nil {
		runtime.UnlockOSThread() // the thread has not changed its namespace
		return err
	}
	err = f()
	if leaveErr := leave(); leaveErr != nil {
		return errors.Join(err, leaveErr)
	}
	runtime.UnlockOSThread()
	return err
}

// enter switches the calling thread to the namespace. It returns a function that switches back.
func (s *Sandbox) enter() (func() error, error) {
	return s.switchNetns(func() error { return unix.Setns(s.fd, unix.CLONE_NEWNET) })
}

// switchNetns calls leaveOwn, which switches the calling thread to another namespace. It returns a
// function that switches the thread back to the namespace of the process.
func (s *Sandbox) switchNetns(leaveOwn func() error) (func() error, error) {
	ownFd, err := s.openOwnOnce()
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrEnter, s.path, err)
	}
	if err := leaveOwn(); err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrEnter, s.path, err)
	}
	return func() error {
		if err := unix.Setns(ownFd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("%w %s: return to own network namespace: %w", ErrEnter, s.path, err)
		}
		return nil
	}, nil
}

// Close closes the descriptors. It ignores errors: nothing was written.
func (s *Sandbox) Close() {
	for _, fd := range []int{s.fd, s.ownFd} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// openat calls openat(2).
func openat(dirFd int, path string, flags int) (int, error) {
	fd := -1
	err := eintr.Retry(func() error {
		var err error
		fd, err = unix.Openat(dirFd, path, flags, 0)
		return err
	})
	return fd, err
}
