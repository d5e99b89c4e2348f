package netns

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrLocked reports that another process holds the lock.
var ErrLocked = errors.New("locked by another process")

// Lock is a lock in a network namespace. It is released by Close or when the process exits.
type Lock struct{ fd int }

// TryLock acquires the lock with the given name in the network namespace of the calling thread. It
// binds a Unix socket to an abstract address; abstract addresses belong to a network namespace
// (unix(7)). Any process in the namespace can bind the address, so TryLock does not block; it
// returns ErrLocked if the name is held.
func TryLock(name string) (*Lock, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("lock %q: open Unix socket: %w", name, err)
	}
	l := &Lock{fd}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + name})
	if err == nil {
		return l, nil
	}
	l.Close()
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("lock %q: %w: %w", name, ErrLocked, err)
	}
	return nil, fmt.Errorf("lock %q: bind: %w", name, err)
}

// Close releases the lock.
func (l *Lock) Close() { _ = unix.Close(l.fd) }
