package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const tunPath = "/dev/net/tun"

// headerSize is struct virtio_net_hdr_v1's, which stands before every frame
// (include/uapi/linux/virtio_net.h).
const headerSize = 12

// queue is an open /dev/net/tun. It blocks, so that a goroutine's plain read and
// write need no poller.
type queue struct {
	fd     int
	device string // the one that it is attached to
}

// openQueue opens /dev/net/tun for devices of the process's network namespace.
func openQueue() (*queue, error) {
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", tunPath, err)
	}
	return &queue{fd: fd}, nil
}

// refusal is the kernel's answer to TUNSETIFF.
type refusal struct {
	device string
	errno  unix.Errno
}

func (r *refusal) Error() string {
	return fmt.Sprintf("TUNSETIFF %s: %s: %v", r.device, unix.ErrnoName(r.errno), r.errno)
}

func (r *refusal) Unwrap() error { return r.errno }

// attach makes it a queue of a device, which it creates where there is none: that
// takes CAP_NET_ADMIN, which only the machine has, in its own namespace.
//
// EINVAL: the device's multi-queue flag differs, or it is no tap. EPERM: not its
// owner and group, or no such device. EBUSY: its only queue is taken.
// Source: Linux 6.12, drivers/net/tun.c, tun_set_iff, tun_attach.
func (q *queue) attach(device string, multiQueue bool) error {
	req, err := unix.NewIfreq(device)
	if err != nil {
		return fmt.Errorf("name %q: %w", device, err)
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if multiQueue {
		flags |= unix.IFF_MULTI_QUEUE
	}
	req.SetUint16(flags)
	err = retry(func() error { return unix.IoctlIfreq(q.fd, unix.TUNSETIFF, req) })
	var errno unix.Errno
	if errors.As(err, &errno) {
		return &refusal{device: device, errno: errno}
	}
	q.device = device
	return err
}

// attachAll opens as many queues of the device as the options say.
func attachAll(device string, o *options) ([]*queue, error) {
	var queues []*queue
	for len(queues) < o.queues {
		q, err := openQueue()
		if err != nil {
			return nil, err
		}
		if err := q.attach(device, o.multiQueue); err != nil {
			return nil, err // the process ends, and so do the queues
		}
		queues = append(queues, q)
	}
	return queues, nil
}

// negotiate does what a driver in the guest would: it settles the header, and
// what may be left undone in frames for us (checksums, segmentation). It holds for the whole device.
func (q *queue) negotiate() error {
	err := retry(func() error { return unix.IoctlSetPointerInt(q.fd, unix.TUNSETVNETHDRSZ, headerSize) })
	if err != nil {
		return fmt.Errorf("TUNSETVNETHDRSZ %s: %w", q.device, err)
	}
	const tcp = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN
	const udp = unix.TUN_F_USO4 | unix.TUN_F_USO6 // since Linux 6.2
	for _, offloads := range []int{tcp | udp, tcp} {
		err = retry(func() error { return unix.IoctlSetInt(q.fd, unix.TUNSETOFFLOAD, offloads) })
		if !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("TUNSETOFFLOAD %s: %w", q.device, err)
	}
	return nil
}

func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
