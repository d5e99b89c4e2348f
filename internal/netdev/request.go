package netdev

import (
	"errors"
	"slices"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Limits of a read. A concurrent change interrupts a dump, and a process in the namespace may
// change objects all the time.
const (
	maxReadAttempts = 20
	maxReadTime     = 10 * time.Second // for all attempts
)

// ErrIncomplete reports that the kernel's reply is not complete. Another attempt may succeed.
var ErrIncomplete = errors.New("incomplete reply")

// incompleteError is a reason for ErrIncomplete.
type incompleteError string

func (e incompleteError) Error() string      { return string(e) }
func (incompleteError) Is(target error) bool { return target == ErrIncomplete }

const (
	// errDumpInterrupted: the dumped objects changed during the dump, so that the list may be inconsistent.
	errDumpInterrupted incompleteError = "list changed during the dump (NLM_F_DUMP_INTR)"
	// errNoReply: the reply to a request was lost. The kernel may have processed the request.
	errNoReply incompleteError = "the reply was lost"
	// errTimeout: the kernel did not return a list in time.
	errTimeout incompleteError = "timed out"
)

// visitor judges the payload of a message, which is valid until the visitor returns. It reports
// whether it needs further messages.
type visitor func(payload []byte) bool

// read sends a request that changes nothing, and calls visit for the payload of each message of
// type msgType in the reply, until visit returns false. If the reply was interrupted, lost or larger
// than the buffer, read repeats the request: it calls begin before each attempt. After an error,
// visit has been called for a part of the objects.
func (c *Conn) read(req *nl.NetlinkRequest, msgType uint16, begin func(), visit visitor) error {
	c.readEnd = time.Now().Add(maxReadTime)
	defer func() { c.readEnd = time.Time{} }()
	return retry(func() error {
		begin()
		return c.exchange(req, msgType, visit)
	})
}

// retry calls attempt until it succeeds or returns an error that another attempt would return again.
func retry(attempt func() error) error {
	for n := 1; ; n++ {
		err := attempt()
		again := errors.Is(err, errNoReply) || errors.Is(err, errTruncated) || errors.Is(err, errDumpInterrupted)
		if !again || n == maxReadAttempts {
			return err
		}
	}
}

// collect reads with c.read and returns what parse returns for each message, without the nil
// values. After an error it returns a part of the list.
func collect[T any](c *Conn, req *nl.NetlinkRequest, msgType uint16, parse func(payload []byte) *T) ([]*T, error) {
	var list []*T
	err := c.read(req, msgType, func() { list = nil }, func(payload []byte) bool {
		if entry := parse(payload); entry != nil {
			list = append(list, entry)
		}
		return true
	})
	return list, err
}

// change sends a request that asks for an acknowledgement only. If the acknowledgement is lost, the
// kernel may have processed the request. change then sends it once more, on a new socket: the
// request has the same effect again, or the kernel reports one of the errors in carriedOut, which
// say that the first one was successful.
func (c *Conn) change(req *nl.NetlinkRequest, carriedOut ...error) error {
	err := c.exchange(req, 0, nil)
	if !errors.Is(err, errNoReply) {
		return err
	}
	err = c.exchange(req, 0, nil)
	if slices.ContainsFunc(carriedOut, func(e error) bool { return errors.Is(err, e) }) {
		return nil
	}
	return err
}

// changeAll sends several requests in one datagram and returns the error of each. Each request may
// only ask for an acknowledgement. The kernel processes all requests of one sendto in order and
// does not stop at the first failure; a signal cannot kill the process in between. If an
// acknowledgement is lost, its error and those after it wrap errNoReply.
func (c *Conn) changeAll(reqs []*nl.NetlinkRequest) []error {
	var datagram []byte
	first := c.sequence + 1
	for _, req := range reqs {
		c.sequence++
		req.Seq = c.sequence
		datagram = append(datagram, req.Serialize()...)
		datagram = append(datagram, make([]byte, -len(datagram)&(unix.NLMSG_ALIGNTO-1))...)
	}
	errs := make([]error, len(reqs))
	err := c.send(datagram)
	for i := range errs {
		if errs[i] = err; err != nil {
			continue
		}
		if errs[i] = c.receiveReply(first+uint32(i), 0, nil); errors.Is(errs[i], errNoReply) {
			err = errs[i]
		}
	}
	return errs
}

// exchange sends a request once and reads the reply.
func (c *Conn) exchange(req *nl.NetlinkRequest, msgType uint16, visit visitor) error {
	c.sequence++
	req.Seq = c.sequence
	if err := c.send(req.Serialize()); err != nil {
		return err
	}
	return c.receiveReply(c.sequence, msgType, visit)
}

// receiveReply reads the reply to the request with the given sequence number. It calls visit for
// each message of type msgType. If it does not read the whole reply, the next request needs a new
// socket.
func (c *Conn) receiveReply(sequence uint32, msgType uint16, visit visitor) error {
	r := reply{sequence: sequence, msgType: msgType, visit: visit}
	defer func() { c.unread = c.unread || !r.done }()
	for !r.done && !r.enough {
		datagram, err := c.receive()
		if err != nil {
			return err
		}
		if err := r.parse(datagram); err != nil {
			return err
		}
	}
	if r.interrupted {
		return errDumpInterrupted
	}
	return nil
}
