// Package netns enters the container's network namespace and tells it from the
// plugin's own. It knows no CNI.
package netns

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// Errors that a caller decides by.
var (
	// ErrNotNamespace: the path leads to something else, a plain file for example
	// (what is left of a bind mount after a reboot).
	ErrNotNamespace = errors.New("not a network namespace")
	// ErrEnter: the namespace is there, but the kernel does not let the plugin in.
	ErrEnter = errors.New("cannot be entered")
	// ErrOwn: the path leads to the namespace that the plugin itself is in.
	ErrOwn = errors.New("the plugin's own network namespace")
)

// ownPath is the namespace of the calling thread, which outside of Do is that of
// the process. (/proc/self would be the first thread's, which may be inside Do.)
const ownPath = "/proc/thread-self/ns/net"

// Sandbox is an open network namespace. Its methods are for one goroutine at a time.
type Sandbox struct {
	fd   int
	path string
	home int // the namespace of the process, the way back; -1: not needed so far
}

// New makes an empty namespace, which ends with the Sandbox and what uses it.
func New() (*Sandbox, error) {
	made := &Sandbox{fd: -1, home: -1, path: "made for a trial"}
	enter := func() (func() error, error) {
		return made.move(func() error { return unix.Unshare(unix.CLONE_NEWNET) })
	}
	err := elsewhere(enter, func() error {
		var err error
		made.fd, err = openOwn()
		return err
	})
	if err != nil {
		made.Close()
		return nil, err
	}
	return made, nil
}

// Open opens the namespace at path. Errors: fs.ErrNotExist; ErrNotNamespace for
// anything else that can be opened.
func Open(path string) (*Sandbox, error) {
	// O_NONBLOCK: a FIFO at that path must not block us.
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	if err := isNetns(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("open network namespace %s: %w", path, err), unix.Close(fd))
	}
	return &Sandbox{fd: fd, path: path, home: -1}, nil
}

// isNetns asks the file system first: NS_GET_NSTYPE on a stranger's file could be any ioctl.
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

// IsOwn says whether it is the namespace of this process.
func (s *Sandbox) IsOwn() (bool, error) {
	home, err := s.wayBack()
	if err != nil {
		return false, err
	}
	own, err := stat(home)
	if err != nil {
		return false, fmt.Errorf("stat own network namespace: %w", err)
	}
	inode, err := s.Inode()
	return err == nil && inode == own.Ino, err
}

// wayBack opens the namespace of the process once.
func (s *Sandbox) wayBack() (int, error) {
	if s.home >= 0 {
		return s.home, nil
	}
	var err error
	s.home, err = openOwn()
	return s.home, err
}

func openOwn() (int, error) {
	fd, err := openat(unix.AT_FDCWD, ownPath, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("open own network namespace: %w", err)
	}
	return fd, nil
}

// Inode tells a namespace from all others, as long as it is open.
func (s *Sandbox) Inode() (uint64, error) {
	stat, err := stat(s.fd)
	if err != nil {
		return 0, fmt.Errorf("stat network namespace %s: %w", s.path, err)
	}
	return stat.Ino, nil
}

func stat(fd int) (unix.Stat_t, error) {
	var stat unix.Stat_t
	err := eintr.Retry(func() error { return unix.Fstat(fd, &stat) })
	return stat, err
}

// Path is where it was found.
func (s *Sandbox) Path() string { return s.path }

// Do runs f on a locked thread that is in the namespace. A goroutine that f
// starts runs elsewhere. The thread returns to where it was, or ends here.
func (s *Sandbox) Do(f func() error) error { return elsewhere(s.enter, f) }

// DoHere is Do on the calling thread, which saves waking up another one. After an
// error the calling goroutine may be stuck in the namespace: it may start no
// process then, and soon has to end.
func (s *Sandbox) DoHere(f func() error) error { return here(s.enter, f) }

// elsewhere runs f on a thread of its own between enter and the way back that it returned.
func elsewhere(enter func() (func() error, error), f func() error) error {
	result := make(chan error, 1)
	go func() { result <- here(enter, f) }() // where it is still locked, the thread ends with this goroutine
	return <-result
}

// here runs f on the calling thread, which stays locked where the way back fails.
func here(enter func() (func() error, error), f func() error) error {
	runtime.LockOSThread()
	leave, err := enter()
	if err != nil {
		runtime.UnlockOSThread() // it has not moved
		return err
	}
	err = f()
	if leaveErr := leave(); leaveErr != nil {
		return errors.Join(err, leaveErr)
	}
	runtime.UnlockOSThread()
	return err
}

// enter moves the calling thread, and returns the way back.
func (s *Sandbox) enter() (func() error, error) {
	return s.move(func() error { return unix.Setns(s.fd, unix.CLONE_NEWNET) })
}

// move takes the calling thread out of the namespace of the process, and returns the way back.
func (s *Sandbox) move(out func() error) (func() error, error) {
	home, err := s.wayBack()
	if err != nil {
		return nil, fmt.Errorf("network namespace %s %w: %w", s.path, ErrEnter, err)
	}
	if err := out(); err != nil {
		return nil, fmt.Errorf("network namespace %s %w: %w", s.path, ErrEnter, err)
	}
	return func() error {
		if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("network namespace %s %w and left again: %w", s.path, ErrEnter, err)
		}
		return nil
	}, nil
}

// Close closes the descriptors, which were only read: there is nothing to lose.
func (s *Sandbox) Close() {
	for _, fd := range []int{s.fd, s.home} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

func openat(folder int, path string, flags int) (int, error) {
	fd := -1
	err := eintr.Retry(func() error {
		var err error
		fd, err = unix.Openat(folder, path, flags, 0)
		return err
	})
	return fd, err
}
