// Package netdev is what rtnetlink does to a device: attributes, alias, master,
// up, addresses, routes, and reading them back. It knows no CNI.
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

// Conn is a route netlink socket in one network namespace. Its methods may be
// called from any thread, one at a time.
//
// The socket is plain and blocking: rtnetlink has worked a request off when sending
// returns, and its answer waits to be read (Linux 6.12, net/netlink/af_netlink.c,
// netlink_unicast_kernel). That of the netlink library is made for waiting, which
// costs a quarter of the system calls of an ADD.
type Conn struct {
	fd       int
	sequence uint32
	buffer   []byte // for answers
}

// maxReply is more than the kernel puts into one datagram, in bytes: 32 KB of a dump,
// or one device where that is larger (netlink_dump, min_dump_alloc). Its alternative
// names alone may have 64 KB, the most of an attribute, and nothing else comes near.
// Of the buffer only what is received costs memory.
const maxReply = 256 << 10

// Dial opens a socket in the network namespace of the calling thread, with
// extended acknowledgements, so that errors carry the kernel's own words.
func Dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open route netlink socket: %w", err)
	}
	c := &Conn{fd: fd, buffer: make([]byte, maxReply)}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1); err != nil {
		c.Close()
		return nil, fmt.Errorf("ask for extended acknowledgements: %w", err)
	}
	return c, nil
}

// Close closes the socket, in which nothing is under way.
func (c *Conn) Close() { _ = unix.Close(c.fd) }

// errDumpInterrupted: the kernel says that what it listed changed meanwhile.
var errDumpInterrupted = errors.New("the list changed while it was read (NLM_F_DUMP_INTR)")

// execute sends a request and returns the payloads of the answers of one type. A
// list is whole, or the error errDumpInterrupted.
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

// read is the answer to the request of that number.
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

// executeAll sends requests that ask for nothing but acknowledgements in one datagram,
// which the kernel works off one by one, whatever becomes of one of them, and without a
// moment in which a signal could end us. It returns the error of each.
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

// receive waits for a datagram of the kernel. It is valid until the next.
func (c *Conn) receive() ([]byte, error) {
	for {
		length, from := 0, unix.Sockaddr(nil)
		err := eintr.Retry(func() error {
			var err error
			length, from, err = unix.Recvfrom(c.fd, c.buffer, unix.MSG_TRUNC) // which tells the whole length
			return err
		})
		switch sender, ok := from.(*unix.SockaddrNetlink); {
		case err != nil:
			return nil, fmt.Errorf("receive from rtnetlink: %w", err)
		case !ok || sender.Pid != 0:
			continue // another process wrote to our port
		case length > len(c.buffer):
			return nil, fmt.Errorf("receive from rtnetlink: %w: a message of %d bytes", unix.EMSGSIZE, length)
		}
		return c.buffer[:length], nil
	}
}

// reply is an answer in several messages, which may come in several datagrams.
type reply struct {
	sequence    uint32 // of the request
	msgType     uint16 // type of the messages that are asked for
	payloads    [][]byte
	interrupted bool
	done        bool
}

// parse reads the messages of one datagram, and returns the error that the kernel answered with.
func (r *reply) parse(datagram []byte) error {
	messages, err := syscall.ParseNetlinkMessage(datagram)
	if err != nil {
		return fmt.Errorf("read from rtnetlink: %w", err)
	}
	for _, m := range messages {
		if m.Header.Seq != r.sequence {
			continue // left over from a request that failed half way
		}
		r.interrupted = r.interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
		switch m.Header.Type {
		case unix.NLMSG_ERROR, unix.NLMSG_DONE: // both begin with an errno; of an acknowledgement it is 0
			r.done = true
			return ackError(m)
		case r.msgType:
			r.payloads = append(r.payloads, append([]byte(nil), m.Data...))
		}
		r.done = m.Header.Flags&unix.NLM_F_MULTI == 0
	}
	return nil
}

// ackError is the error that an acknowledgement or the end of a list tells, with the
// kernel's words (NLMSGERR_ATTR_MSG, include/uapi/linux/netlink.h).
func ackError(m syscall.NetlinkMessage) error {
	errno := syscall.Errno(-int32(u32(m.Data)))
	if errno == 0 {
		return nil
	}
	if m.Header.Flags&unix.NLM_F_ACK_TLVS == 0 || len(m.Data) < 4 {
		return errno
	}
	attrs := m.Data[4:]
	if m.Header.Type == unix.NLMSG_ERROR { // the request, or its header, comes before them
		echoed := unix.SizeofNlMsghdr
		if m.Header.Flags&unix.NLM_F_CAPPED == 0 {
			echoed = int(u32(attrs)+unix.NLMSG_ALIGNTO-1) &^ (unix.NLMSG_ALIGNTO - 1)
		}
		attrs = attrs[min(echoed, len(attrs)):]
	}
	if words := str(attribute(attrs, nl.NLMSGERR_ATTR_MSG)); words != "" {
		return fmt.Errorf("%w: %s", errno, words)
	}
	return errno
}

// dump repeats a dump that a concurrent change made inconsistent, for as long as
// that is likely to help.
func dump[T any](read func() ([]T, error)) ([]T, error) {
	const tries = 20
	for try := 1; ; try++ {
		list, err := read()
		if try == tries || !errors.Is(err, errDumpInterrupted) {
			return list, err
		}
	}
}

// The kernel's own messages have these lengths; a shorter one reads as zero, not as a panic.

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
