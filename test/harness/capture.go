package harness

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/netns"
)

// Capture is all frames that come in by a device, from its opening on.
type Capture struct{ wire *Wire }

// Capture listens at a device of a namespace until the test ends.
func (h *Host) Capture(ns *netns.Netns, device string) *Capture {
	h.t.Helper()
	const ignoreOutgoing = 23 // PACKET_IGNORE_OUTGOING, include/uapi/linux/if_packet.h
	w := h.OpenWire(ns, device)
	h.Must(errors.Join(
		unix.SetsockoptInt(w.fd, unix.SOL_PACKET, ignoreOutgoing, 1),
		unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
	))
	c := &Capture{w}
	c.until(0) // what the device sent while the socket did not ignore it yet
	return c
}

// Frames are those that have come by now, and in a short while after.
func (c *Capture) Frames() [][]byte {
	c.wire.h.t.Helper()
	return c.until(50 * time.Millisecond)
}

// until takes frames until none comes for that long.
func (c *Capture) until(patience time.Duration) [][]byte {
	c.wire.h.t.Helper()
	var frames [][]byte
	for {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(c.wire.fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		c.wire.h.Must(err)
		if ready == 0 {
			return frames
		}
		frame, err := c.wire.receive()
		c.wire.h.Must(err)
		frames = append(frames, frame)
	}
}
