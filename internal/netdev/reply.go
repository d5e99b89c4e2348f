package netdev

import (
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// reply is the state of a reply, which may span several datagrams.
type reply struct {
	sequence    uint32  // sequence number of the request
	msgType     uint16  // type of the requested messages
	visit       visitor // called for each of them; nil if msgType is 0
	enough      bool    // visit needs no further message
	interrupted bool
	done        bool // the reply was read to its end
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
			if r.enough = !r.visit(m.Data); r.enough {
				return nil
			}
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
