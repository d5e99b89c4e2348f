package netns

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrClaimed is in the chain where another process has the claim.
var ErrClaimed = errors.New("claimed by another process")

// Claim is something in a network namespace that one process has at a time. It ends with
// the process at the latest, whatever ends that.
type Claim struct{ fd int }

// ClaimHere claims a name in the network namespace of the calling thread. It binds a socket
// to it: names of Unix sockets that are no files belong to a network namespace (unix(7),
// "abstract"). Any process there can do so: what has a claim in its way is an error, and
// never waited for.
func ClaimHere(name string) (*Claim, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("claim %q: open Unix socket: %w", name, err)
	}
	c := &Claim{fd}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + name})
	if err == nil {
		return c, nil
	}
	c.Close()
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("%q: %w: %w", name, ErrClaimed, err)
	}
	return nil, fmt.Errorf("claim %q: bind: %w", name, err)
}

// Close gives the claim up.
func (c *Claim) Close() { _ = unix.Close(c.fd) }
