// Package netdev configures and reads network devices through rtnetlink: link attributes,
// addresses, routes, bridge ports, qdiscs and filters. It does not depend on CNI.
//
// The processes of the namespace may be hostile. They cannot send to the sockets of this package,
// make a call wait for a reply, or make it use memory for what they create: dumps are judged while
// they are read.
package netdev

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// Conn is a NETLINK_ROUTE socket in one network namespace. Its methods may be called from
// any thread, but not concurrently.
//
// Conn never waits for a reply: rtnetlink has processed a request when sendto returns, and the
// reply is already queued (Linux 6.12, net/netlink/af_netlink.c, netlink_unicast_kernel). A reply
// that is not queued was lost. The socket of the netlink library waits, by the poller, which costs
// a quarter of the system calls of an ADD.
type Conn struct {
	fd       int
	sequence uint32
	buffer   []byte       // for replies
	stop     func() error // nil, or returns the reason why no further request is allowed
	readEnd  time.Time    // end of the read in progress; zero outside of a read
	unread   bool         // the socket may contain the rest of a reply, or be congested
}

const (
	// bufferSize is the initial size of the receive buffer in bytes. A datagram of a dump is at
	// most 32 KB, or the size of one device if that is larger (netlink_dump, min_dump_alloc).
	// Only the pages that are written to use memory.
	bufferSize = 256 << 10
	// maxBufferSize is the maximum size of the receive buffer in bytes. No datagram of the kernel
	// is larger: it allocates a datagram in one piece (Linux 6.12, KMALLOC_MAX_SIZE).
	maxBufferSize = 8 << 20
)

// Dial opens a socket in the network namespace of the calling thread.
func Dial() (*Conn, error) {
	fd, err := openSocket()
	if err != nil {
		return nil, err
	}
	return &Conn{fd: fd, buffer: make([]byte, bufferSize)}, nil
}

// openSocket opens a socket that is connected to the kernel: the kernel rejects messages of other
// processes to it, which could otherwise fill its queue so that a reply is lost (Linux 6.12,
// net/netlink/af_netlink.c, netlink_getsockbyportid). It enables extended acknowledgements, so
// that errors contain the kernel's message.
func openSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, fmt.Errorf("open route netlink socket: %w", err)
	}
	if err := eintr.Retry(func() error { return unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) }); err != nil {
		return -1, errors.Join(fmt.Errorf("connect route netlink socket to the kernel: %w", err), unix.Close(fd))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1); err != nil {
		return -1, errors.Join(fmt.Errorf("enable NETLINK_EXT_ACK: %w", err), unix.Close(fd))
	}
	return fd, nil
}

// Close closes the socket.
func (c *Conn) Close() { _ = unix.Close(c.fd) }

// StopWhen makes all methods of c fail with the error that stop returns, once it returns one. They
// call it before each request and before each part of a reply. A nil stop allows all requests.
func (c *Conn) StopWhen(stop func() error) { c.stop = stop }

// reopen replaces the socket by a new one in the same network namespace. A request after a reply
// that was not read to its end needs it: the old socket may be congested, so that the kernel
// silently drops later replies, or may have a dump in progress, so that the kernel rejects another
// one (Linux 6.12, net/netlink/af_netlink.c, netlink_overrun, __netlink_dump_start).
func (c *Conn) reopen() error {
	netns := -1
	err := eintr.Retry(func() error {
		var err error
		netns, err = unix.IoctlRetInt(c.fd, unix.SIOCGSKNS) // since Linux 4.10
		return err
	})
	if err != nil {
		return fmt.Errorf("get the namespace of the route netlink socket: %w", err)
	}
	defer unix.Close(netns) //nolint:errcheck // nothing was written
	fd := -1
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread changes its namespace, and exits with the goroutine
		if err = unix.Setns(netns, unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("enter the namespace of the route netlink socket: %w", err)
			return
		}
		fd, err = openSocket()
	}()
	if <-done; err != nil {
		return err
	}
	c.Close()
	c.fd, c.unread = fd, false
	return nil
}

func (c *Conn) send(datagram []byte) error {
	if err := c.stopped(); err != nil {
		return err
	}
	if c.unread {
		if err := c.reopen(); err != nil {
			return err
		}
	}
	if err := eintr.Retry(func() error { return unix.Send(c.fd, datagram, 0) }); err != nil {
		return fmt.Errorf("send to rtnetlink: %w", err)
	}
	return nil
}

// errTruncated reports that a datagram was larger than the receive buffer, which has grown.
var errTruncated = errors.New("the datagram exceeds the receive buffer")

// receive returns the next datagram from the kernel, which is valid until the next call. The error
// wraps errNoReply if no datagram is queued, and errTruncated if the same request will succeed.
func (c *Conn) receive() ([]byte, error) {
	for {
		if err := c.stopped(); err != nil {
			return nil, err
		}
		length, from := 0, unix.Sockaddr(nil)
		err := eintr.Retry(func() error {
			var err error
			length, from, err = unix.Recvfrom(c.fd, c.buffer, unix.MSG_TRUNC|unix.MSG_DONTWAIT) // returns the full length
			return err
		})
		switch sender, ok := from.(*unix.SockaddrNetlink); {
		case err != nil:
			return nil, fmt.Errorf("receive from rtnetlink: %w: %w", errNoReply, err)
		case !ok || sender.Pid != 0:
			continue // sent by another process before the socket was connected
		case length > maxBufferSize:
			return nil, fmt.Errorf("receive from rtnetlink: datagram of %d bytes: %w", length, unix.EMSGSIZE)
		case length > len(c.buffer):
			c.buffer = make([]byte, min(2*length, maxBufferSize))
			return nil, fmt.Errorf("receive from rtnetlink: datagram of %d bytes: %w", length, errTruncated)
		}
		return c.buffer[:length], nil
	}
}

// stopped returns an error if no further system call is allowed.
func (c *Conn) stopped() error {
	if !c.readEnd.IsZero() && time.Now().After(c.readEnd) {
		return fmt.Errorf("read from rtnetlink: %w after %v", errTimeout, maxReadTime)
	}
	if c.stop != nil {
		return c.stop()
	}
	return nil
}
