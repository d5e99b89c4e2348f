// Package netns enters the container's network namespace and tells it from the
// plugin's own. It knows no CNI.
package netns

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
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

// Sandbox is an open network namespace.
type Sandbox struct {
	fd   int
	path string
}

// New makes an empty namespace, which ends with the Sandbox and what uses it.
func New() (*Sandbox, error) {
	const path = "made for a trial"
	unshare := func() (func() error, error) {
		return move(path, func() error { return unix.Unshare(unix.CLONE_NEWNET) })
	}
	var sandbox *Sandbox
	err := elsewhere(unshare, func() error {
		var err error
		sandbox, err = Open(ownPath)
		return err
	})
	if err != nil {
		if sandbox != nil {
			sandbox.Close()
		}
		return nil, err
	}
	sandbox.path = path
	return sandbox, nil
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
	return &Sandbox{fd: fd, path: path}, nil
}

// isNetns asks the file system first: NS_GET_NSTYPE on a stranger's file could be any ioctl.
func isNetns(fd int) error {
	var fs unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(fd, &fs) }); err != nil {
		return fmt.Errorf("fstatfs: %w", err)
	}
	if fs.Type != unix.NSFS_MAGIC {
		return ErrNotNamespace
	}
	var kind int
	err := retry(func() error {
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
	own, err := statOwn()
	if err != nil {
		return false, err
	}
	inode, err := s.Inode()
	return err == nil && inode == own.Ino, err
}

// statOwn describes the file that the namespace of the calling thread is.
func statOwn() (*unix.Stat_t, error) {
	var own unix.Stat_t
	if err := retry(func() error { return unix.Stat(ownPath, &own) }); err != nil {
		return nil, fmt.Errorf("stat own network namespace: %w", err)
	}
	return &own, nil
}

// Inode tells a namespace from all others, as long as it is open.
func (s *Sandbox) Inode() (uint64, error) {
	var stat unix.Stat_t
	if err := retry(func() error { return unix.Fstat(s.fd, &stat) }); err != nil {
		return 0, fmt.Errorf("stat network namespace %s: %w", s.path, err)
	}
	return stat.Ino, nil
}

// Path is where it was found.
func (s *Sandbox) Path() string { return s.path }

// Do runs f on a locked thread that is in the namespace. A goroutine that f
// starts runs elsewhere. The thread returns to where it was, or ends here.
func (s *Sandbox) Do(f func() error) error { return elsewhere(s.enter, f) }

// elsewhere runs f on a locked thread between enter and the way back that it returned.
func elsewhere(enter func() (func() error, error), f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		leave, err := enter()
		if err != nil {
			result <- err // still locked: the thread ends with this goroutine
			return
		}
		err = f()
		if leaveErr := leave(); leaveErr != nil {
			result <- errors.Join(err, leaveErr)
			return
		}
		runtime.UnlockOSThread()
		result <- err
	}()
	return <-result
}

// enter moves the calling thread, and returns the way back.
func (s *Sandbox) enter() (func() error, error) {
	return move(s.path, func() error { return unix.Setns(s.fd, unix.CLONE_NEWNET) })
}

// move takes the calling thread into another namespace, and returns the way back.
func move(path string, in func() error) (func() error, error) {
	own, err := openat(unix.AT_FDCWD, ownPath, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("network namespace %s %w: open own: %w", path, ErrEnter, err)
	}
	if err := in(); err != nil {
		return nil, errors.Join(fmt.Errorf("network namespace %s %w: %w", path, ErrEnter, err), unix.Close(own))
	}
	return func() error {
		if err := unix.Setns(own, unix.CLONE_NEWNET); err != nil {
			return errors.Join(fmt.Errorf("network namespace %s %w and left again: %w", path, ErrEnter, err), unix.Close(own))
		}
		if err := unix.Close(own); err != nil {
			return fmt.Errorf("close own network namespace: %w", err)
		}
		return nil
	}, nil
}

// Close closes the descriptor, which was only read: there is nothing to lose.
func (s *Sandbox) Close() { _ = unix.Close(s.fd) }

func openat(folder int, path string, flags int) (int, error) {
	fd := -1
	err := retry(func() error {
		var err error
		fd, err = unix.Openat(folder, path, flags, 0)
		return err
	})
	return fd, err
}

// retry repeats a call that a signal interrupted: the Go runtime sends some to itself.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
