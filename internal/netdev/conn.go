// Package netdev configures and reads network devices through rtnetlink: link attributes,
// addresses, routes, bridge ports, qdiscs and filters. It does not depend on CNI.
package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// Conn is a NETLINK_ROUTE socket in one network namespace. Its methods may be called from
// any thread, but not concurrently.
//
// The socket is blocking: rtnetlink has processed a request when sendto returns, and the
// reply is already queued (Linux 6.12, net/netlink/af_netlink.c, netlink_unicast_kernel).
// The socket of the netlink library is non-blocking and uses the poller, which costs a
// quarter of the system calls of an ADD.
type Conn struct {
	fd       int
	sequence uint32
	buffer   []byte // for replies
}

// maxReply is the size of the receive buffer in bytes. It is larger than any datagram of
// the kernel: a dump uses at most 32 KB, or the size of one device if that is larger
// (netlink_dump, min_dump_alloc). The largest attribute of a device is its list of
// alternative names, at most 64 KB, the limit of any attribute; all others are far
// smaller. Only the pages that are written to use memory.
const maxReply = 256 << 10

// Dial opens a socket in the network namespace of the calling thread. It enables extended
// acknowledgements, so that errors contain the kernel's message.
func Dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open route netlink socket: %w", err)
	}
	c := &Conn{fd: fd, buffer: make([]byte, maxReply)}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1); err != nil {
		c.Close()
		return nil, fmt.Errorf("enable NETLINK_EXT_ACK: %w", err)
	}
	return c, nil
}

// Close closes the socket.
func (c *Conn) Close() { _ = unix.Close(c.fd) }

// errDumpInterrupted reports that the dumped objects changed during the dump, so that the
// list may be inconsistent.
var errDumpInterrupted = errors.New("list changed during the dump (NLM_F_DUMP_INTR)")

// execute sends a request and returns the payloads of the replies of type msgType. It
// returns errDumpInterrupted instead of an inconsistent list.
func (c *Conn) execute(req *nl.NetlinkRequest, msgType uint16) ([][]byte, error) {
	c.sequence++
	req.Seq = c.sequence
	if err := c.send(req.Serialize()); err != nil {
		return nil, err
	}
	return c.read(c.sequence, msgType)
}

func (c *Conn) send(datagram []byte) error {
	err := eintr.Retry(func() error { return unix.Sendto(c.fd, datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) })
	if err != nil {
		return fmt.Errorf("send to rtnetlink: %w", err)
	}
	return nil
}

// read reads the reply to the request with the given sequence number.
func (c *Conn) read(sequence uint32, msgType uint16) ([][]byte, error) {
	r := reply{sequence: sequence, msgType: msgType}
	for !r.done {
		datagram, err := c.receive()
		if err != nil {
			return nil, err
		}
		if err := r.parse(datagram); err != nil {
			return nil, err
		}
	}
	if r.interrupted {
		return nil, errDumpInterrupted
	}
	return r.payloads, nil
}

// executeAll sends several requests in one datagram and returns the error of each. Each
// request may only ask for an acknowledgement. The kernel processes all requests of one
// sendto in order and does not stop at the first failure; a signal cannot kill the process
// in between.
func (c *Conn) executeAll(reqs []*nl.NetlinkRequest) []error {
	var datagram []byte
	first := c.sequence + 1
	for _, req := range reqs {
		c.sequence++
		req.Seq = c.sequence
		datagram = append(datagram, req.Serialize()...)
		datagram = append(datagram, make([]byte, -len(datagram)&(unix.NLMSG_ALIGNTO-1))...)
	}
	errs := make([]error, len(reqs))
	sendErr := c.send(datagram)
	for i := range errs {
		if errs[i] = sendErr; sendErr == nil {
			_, errs[i] = c.read(first+uint32(i), 0)
		}
	}
	return errs
}

// receive waits for a datagram from the kernel. The result is valid until the next call.
func (c *Conn) receive() ([]byte, error) {
	for {
		length, from := 0, unix.Sockaddr(nil)
		err := eintr.Retry(func() error {
			var err error
			length, from, err = unix.Recvfrom(c.fd, c.buffer, unix.MSG_TRUNC) // returns the full length
			return err
		})
		switch sender, ok := from.(*unix.SockaddrNetlink); {
		case err != nil:
			return nil, fmt.Errorf("receive from rtnetlink: %w", err)
		case !ok || sender.Pid != 0:
			continue // sent by another process, not by the kernel
		case length > len(c.buffer):
			return nil, fmt.Errorf("receive from rtnetlink: datagram of %d bytes: %w", length, unix.EMSGSIZE)
		}
		return c.buffer[:length], nil
	}
}

// reply collects the messages of a reply, which may span several datagrams.
type reply struct {
	sequence    uint32 // sequence number of the request
	msgType     uint16 // type of the requested messages
	payloads    [][]byte
	interrupted bool
	done        bool
}

// parse parses the messages of one datagram. It returns the error that the kernel reported.
func (r *reply) parse(datagram []byte) error {
	messages, err := syscall.ParseNetlinkMessage(datagram)
	if err != nil {
		return fmt.Errorf("parse rtnetlink datagram: %w", err)
	}
	for _, m := range messages {
		if m.Header.Seq != r.sequence {
			continue // left over from an earlier request that failed midway
		}
		r.interrupted = r.interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
		switch m.Header.Type {
		case unix.NLMSG_ERROR, unix.NLMSG_DONE: // both start with an errno, which is 0 in an acknowledgement
			r.done = true
			return ackError(m)
		case r.msgType:
			r.payloads = append(r.payloads, append([]byte(nil), m.Data...))
		}
		r.done = m.Header.Flags&unix.NLM_F_MULTI == 0
	}
	return nil
}

// ackError returns the error in an NLMSG_ERROR or NLMSG_DONE message, with the kernel's
// message (NLMSGERR_ATTR_MSG, include/uapi/linux/netlink.h), or nil if the errno is 0.
func ackError(m syscall.NetlinkMessage) error {
	errno := syscall.Errno(-int32(u32(m.Data)))
	if errno == 0 {
		return nil
	}
	if m.Header.Flags&unix.NLM_F_ACK_TLVS == 0 || len(m.Data) < 4 {
		return errno
	}
	attrs := m.Data[4:]
	if m.Header.Type == unix.NLMSG_ERROR { // the attributes follow the request, or only its header
		echoed := unix.SizeofNlMsghdr
		if m.Header.Flags&unix.NLM_F_CAPPED == 0 {
			echoed = int(u32(attrs)+unix.NLMSG_ALIGNTO-1) &^ (unix.NLMSG_ALIGNTO - 1)
		}
		attrs = attrs[min(echoed, len(attrs)):]
	}
	if msg := str(attribute(attrs, nl.NLMSGERR_ATTR_MSG)); msg != "" {
		return fmt.Errorf("%w: %s", errno, msg)
	}
	return errno
}

// dump calls read, and repeats it if a concurrent change interrupted the dump. It stops
// after 20 attempts.
func dump[T any](read func() ([]T, error)) ([]T, error) {
	const maxAttempts = 20
	for attempt := 1; ; attempt++ {
		list, err := read()
		if attempt == maxAttempts || !errors.Is(err, errDumpInterrupted) {
			return list, err
		}
	}
}

// The kernel's messages are long enough. The functions below return zero instead of
// panicking if b is too short.

func u8(b []byte) uint8 {
	if len(b) < 1 {
		return 0
	}
	return b[0]
}

func u16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return binary.NativeEndian.Uint16(b)
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

func u64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(b)
}
