package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// errGone: the device was deleted.
var errGone = errors.New("the device is gone")

// frameSize holds the header and the longest frame: Ethernet with a VLAN tag,
// and what a stack leaves unsegmented at most (include/linux/netdevice.h, GSO_LEGACY_MAX_SIZE).
const frameSize = headerSize + 14 + 4 + 65536

// copyFrames moves frames from one queue to the other until there is an error. It
// loses a frame where the other device is down (EIO), as a wire would.
func copyFrames(from, to *queue) error {
	frame := make([]byte, frameSize)
	for {
		n, err := unix.Read(from.fd, frame)
		if isTransient(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read from %s: %w", from.device, verdict(err))
		}
		_, err = unix.Write(to.fd, frame[:n])
		for isTransient(err) {
			_, err = unix.Write(to.fd, frame[:n])
		}
		if err != nil && !errors.Is(err, unix.EIO) {
			return fmt.Errorf("write to %s: %w", to.device, verdict(err))
		}
	}
}

func isTransient(err error) bool { return errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) }

// verdict finds out that the device was deleted: EBADFD, or EFAULT for a reader
// that was waiting (Linux 6.12, drivers/net/tun.c, tun_ring_recv).
func verdict(err error) error {
	if errors.Is(err, unix.EBADFD) || errors.Is(err, unix.EFAULT) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}
