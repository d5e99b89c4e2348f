package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// batch sends requests to rtnetlink, many in a datagram, without waiting for each.
type batch struct {
	fd       int
	datagram []byte
}

// batchSize is the size in bytes from which on a datagram is sent.
const batchSize = 64 << 10

func newBatch() (*batch, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20); err != nil {
		return nil, err
	}
	return &batch{fd: fd}, nil
}

// add adds a request. flags are those besides NLM_F_REQUEST.
func (b *batch) add(msgType uint16, flags int, parts ...nl.NetlinkRequestData) error {
	req := &nl.NetlinkRequest{NlMsghdr: unix.NlMsghdr{Len: unix.SizeofNlMsghdr, Type: msgType, Flags: uint16(unix.NLM_F_REQUEST | flags)}}
	for _, part := range parts {
		req.AddData(part)
	}
	b.datagram = append(b.datagram, req.Serialize()...)
	for len(b.datagram)%unix.NLMSG_ALIGNTO != 0 {
		b.datagram = append(b.datagram, 0)
	}
	if len(b.datagram) < batchSize {
		return nil
	}
	return b.flush()
}

// flush sends what was added. The kernel has processed it when sendto returns, and answers only to failures.
func (b *batch) flush() error {
	if len(b.datagram) == 0 {
		return nil
	}
	if err := unix.Sendto(b.fd, b.datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send %d bytes: %w", len(b.datagram), err)
	}
	b.datagram = b.datagram[:0]
	reply := make([]byte, 64<<10)
	n, _, err := unix.Recvfrom(b.fd, reply, unix.MSG_DONTWAIT)
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	if err != nil {
		return err
	}
	messages, err := syscall.ParseNetlinkMessage(reply[:n])
	if err != nil {
		return err
	}
	for _, message := range messages {
		if message.Header.Type == unix.NLMSG_ERROR {
			return syscall.Errno(-int32(binary.NativeEndian.Uint32(message.Data)))
		}
	}
	return nil
}

// linkOf returns the header of a request about a device.
func linkOf(index int) *nl.IfInfomsg {
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	return header
}

// newLink adds a request to create a device of that kind.
func (b *batch) newLink(name, kind string, attrs ...nl.NetlinkRequestData) error {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
	parts := append([]nl.NetlinkRequestData{linkOf(0), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)), info}, attrs...)
	return b.add(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, parts...)
}

// newDevice creates a device at once, and returns its index.
func (b *batch) newDevice(name, kind string) (int, error) {
	up := nl.NewIfInfomsg(unix.AF_UNSPEC)
	up.Flags, up.Change = unix.IFF_UP, unix.IFF_UP
	if err := b.newLink(name, kind); err != nil {
		return 0, err
	}
	if err := b.flush(); err != nil {
		return 0, fmt.Errorf("create %s %q: %w", kind, name, err)
	}
	device, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	up.Index = int32(device.Index)
	if err := b.add(unix.RTM_NEWLINK, 0, up); err != nil {
		return 0, err
	}
	return device.Index, b.flush()
}
