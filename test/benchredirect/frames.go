package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tap/test/measure"
)

const (
	frameSize = 60     // bytes; 64 with the checksum that a real wire adds
	etherType = 0x88b5 // IEEE 802, for experiments: no protocol of the kernel takes such a frame
	batch     = 256    // frames; a tap's ring has room for 500 at least
)

// gauge sends small frames through a path and receives them again, without a guest. The
// thread that sends does all the work: the kernel carries a frame from the one end to
// the queue at the other before the system call returns. So the time of the call is
// the processor time of the path, and no wakeup is in it.
type gauge struct {
	tap, wire int // the tap's file; a packet socket of the node's end
	toGuest   []byte
	fromGuest []byte
	links     *netlink.Handle // of the node
}

func newGauge(s *site) (*gauge, error) {
	g := &gauge{
		tap: -1, wire: -1,
		toGuest:   frame(s.podMAC, s.nodeMAC),
		fromGuest: frame(s.nodeMAC, s.podMAC),
	}
	err := errors.Join(s.pod.Do(g.openTap), g.openWire(s))
	if err == nil {
		err = errors.Join(g.await(g.sendFromGuest), g.await(g.sendToGuest))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("send frames: %w", err), g.close())
	}
	return g, nil
}

func frame(to, from []byte) []byte {
	f := slices.Concat(to, from, binary.BigEndian.AppendUint16(nil, etherType))
	return append(f, make([]byte, frameSize-len(f))...)
}

func (g *gauge) openTap() error {
	var err error
	if g.tap, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
		return fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(tapName)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(g.tap, unix.TUNSETIFF, request); err != nil {
		return fmt.Errorf("attach to %s: %w", tapName, err)
	}
	return nil
}

// openWire opens a socket that only sends, past the qdisc, and one that counts.
func (g *gauge) openWire(s *site) error {
	var err error
	if g.wire, err = packetSocket(s.node, "wire", 0); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(g.wire, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return fmt.Errorf("pass the qdisc: %w", err)
	}
	return s.node.Do(func() error {
		g.links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
}

func (g *gauge) close() error {
	if g.links != nil {
		g.links.Close()
	}
	return errors.Join(closeFd(g.tap), closeFd(g.wire))
}

func closeFd(fd int) error {
	if fd < 0 {
		return nil
	}
	return unix.Close(fd)
}

// way sends a number of frames, and returns the time that it took and how many arrived.
type way func(n int) (time.Duration, int, error)

func (g *gauge) sendToGuest(n int) (time.Duration, int, error) {
	if _, err := g.drain(); err != nil { // of what the kernels of node and pod sent meanwhile
		return 0, 0, err
	}
	began := time.Now()
	for range n {
		if _, err := unix.Write(g.wire, g.toGuest); err != nil {
			return 0, 0, fmt.Errorf("send to the guest: %w", err)
		}
	}
	took := time.Since(began)
	arrived := 0
	err := settle(n, func() (int, error) {
		more, err := g.drain()
		arrived += more
		return arrived, err
	})
	return took, arrived, err
}

func (g *gauge) sendFromGuest(n int) (time.Duration, int, error) {
	before, err := g.received()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	for range n {
		if _, err := unix.Write(g.tap, g.fromGuest); err != nil {
			return 0, 0, fmt.Errorf("send from the guest: %w", err)
		}
	}
	took := time.Since(began)
	arrived := 0
	err = settle(n, func() (int, error) {
		now, err := g.received()
		arrived = int(now - before)
		return arrived, err
	})
	return took, arrived, err
}

// settle counts until all of n frames have arrived. On a busy machine the kernel leaves
// the last ones to a thread of its own.
func settle(n int, count func() (int, error)) error {
	for deadline := time.Now().Add(100 * time.Millisecond); ; time.Sleep(time.Millisecond) {
		arrived, err := count()
		if err != nil || arrived >= n || time.Now().After(deadline) {
			return err
		}
	}
}

// drain reads the tap until there is nothing, and counts our frames.
func (g *gauge) drain() (int, error) {
	buffer := make([]byte, 1<<16)
	for ours := 0; ; {
		n, err := unix.Read(g.tap, buffer)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return ours, nil
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return ours, fmt.Errorf("read from %s: %w", tapName, err)
		case n == frameSize && binary.BigEndian.Uint16(buffer[12:]) == etherType:
			ours++
		}
	}
}

// received is how many frames the node's end has received.
func (g *gauge) received() (uint64, error) {
	link, err := g.links.LinkByName("wire")
	if err != nil {
		return 0, fmt.Errorf("count frames: %w", err)
	}
	return link.Attrs().Statistics.RxPackets, nil
}

// send sends frames; it is an error where fewer arrive.
func (g *gauge) send(by way, n int) (time.Duration, error) {
	took, arrived, err := by(n)
	if err == nil && arrived < n {
		err = fmt.Errorf("%d of %d frames arrived", arrived, n)
	}
	return took, err
}

// await sends a frame until it arrives: devices and bridges act on a tap's carrier a
// moment later. A bridge learns from the frame where the guest is.
func (g *gauge) await(by way) error {
	_, err := g.send(by, 1)
	for deadline := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(deadline); _, err = g.send(by, 1) {
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// batches of a run; every one may be interrupted.
const batches = 5

// cost is the time per frame in nanoseconds, the median of some batches.
func (g *gauge) cost(by way) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all []float64
	for range batches {
		took, err := g.send(by, batch)
		if err != nil {
			return 0, err
		}
		all = append(all, float64(took.Nanoseconds())/batch)
	}
	return measure.Median(all), nil
}
