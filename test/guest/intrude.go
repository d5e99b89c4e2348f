package main

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// intruders is how many threads try at the same time.
const intruders = 2

// intrude attaches to every device of the tap's name that lets it in, and keeps its queues.
func intrude(o *options) error {
	end := ended()
	var attached atomic.Int64
	failed := make(chan error, intruders)
	for range intruders {
		go func() { failed <- intruder(o, &attached) }()
	}
	if _, err := fmt.Println(`{"ready": true}`); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-end:
	}
	_, err := fmt.Printf("{\"attached\": %d}\n", attached.Load())
	return err
}

// intruder tries again whatever the reason of a refusal: the device is missing
// (EPERM), is another's (EPERM), or has all its 256 queues (E2BIG).
func intruder(o *options, attached *atomic.Int64) error {
	var held []unix.PollFd
	for {
		q, err := openQueue()
		if err != nil {
			return err
		}
		for q.attach(o.tap, o.multiQueue) != nil {
		}
		attached.Add(1)
		if o.meddle {
			if err := q.meddle(); err != nil {
				return err
			}
			continue
		}
		if held, err = closeGone(held); err != nil {
			return err
		}
		held = append(held, unix.PollFd{Fd: int32(q.fd)})
	}
}

// meddle changes what any attached process may change of the whole device, and leaves.
func (q *queue) meddle() error {
	const dropAll, noCarrier = 6, 0 // BPF_RET|BPF_K of linux/bpf_common.h
	program := [1]unix.SockFilter{{Code: dropAll, K: 0}}
	filter := unix.SockFprog{Len: 1, Filter: &program[0]}
	var request [unix.IFNAMSIZ + 24]byte // struct ifreq with a hardware address
	binary.NativeEndian.PutUint16(request[unix.IFNAMSIZ:], unix.ARPHRD_ETHER)
	copy(request[unix.IFNAMSIZ+2:], meddledMAC)
	// Whatever the kernel refuses is not changed: that is what the caller wants to see.
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(q.fd), unix.SIOCSIFHWADDR, uintptr(unsafe.Pointer(&request)))
	_ = unix.IoctlSetInt(q.fd, unix.TUNSETLINK, unix.ARPHRD_PPP)
	_ = unix.IoctlSetPointerInt(q.fd, unix.TUNSETVNETHDRSZ, 12)
	_ = unix.IoctlSetPointerInt(q.fd, unix.TUNSETCARRIER, noCarrier)
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(q.fd), unix.TUNATTACHFILTER, uintptr(unsafe.Pointer(&filter)))
	if err := unix.Close(q.fd); err != nil {
		return fmt.Errorf("close queue: %w", err)
	}
	return nil
}

// meddledMAC tells a test who was there.
var meddledMAC = []byte{0x02, 0x66, 0x66, 0x66, 0x66, 0x66}

// closeGone keeps the queues whose device is still there: others poll as POLLERR
// (Linux 6.12, drivers/net/tun.c, tun_chr_poll).
func closeGone(queues []unix.PollFd) ([]unix.PollFd, error) {
	err := retry(func() error { _, err := unix.Poll(queues, 0); return err })
	if err != nil {
		return nil, fmt.Errorf("poll queues: %w", err)
	}
	kept := queues[:0]
	for _, q := range queues {
		if q.Revents&unix.POLLERR == 0 {
			kept = append(kept, q)
			continue
		}
		if err := unix.Close(int(q.Fd)); err != nil {
			return nil, fmt.Errorf("close queue: %w", err)
		}
	}
	return kept, nil
}
