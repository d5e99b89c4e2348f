package harness

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/netns"
)

// Flow is one TCP connection that sends as fast as it may.
type Flow struct {
	From, To *netns.Netns
	Address  string // the receiver's
}

// Goodput is how many bits per second of payload arrive during a window that
// begins after the warm-up.
func (f Flow) Goodput(ctx context.Context, warmUp, window time.Duration) (float64, error) {
	listener, err := f.To.Listen(ctx, f.Address)
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	sender, err := f.From.Dial(ctx, listener.Addr())
	if err != nil {
		return 0, err
	}
	defer sender.Close()
	receiver, err := listener.Accept()
	if err != nil {
		return 0, err
	}
	defer receiver.Close()
	go func() {
		_, _ = io.Copy(sender, endless{}) // until one of them is closed
	}()
	if _, err := receive(receiver, warmUp); err != nil {
		return 0, err
	}
	start := time.Now()
	bytes, err := receive(receiver, window)
	return float64(bytes) * 8 / time.Since(start).Seconds(), err
}

// endless is a file of zeros without end.
type endless struct{}

func (endless) Read(block []byte) (int, error) { return len(block), nil }

// receive counts the bytes that arrive in a span of time.
func receive(from net.Conn, span time.Duration) (int64, error) {
	if err := from.SetReadDeadline(time.Now().Add(span)); err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, from)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, nil
	}
	return n, fmt.Errorf("the connection ended after %d bytes: %w", n, errors.Join(err, io.ErrUnexpectedEOF))
}

// EgressDevices are the names of the pod's ifb devices.
func (h *Host) EgressDevices() []string {
	h.t.Helper()
	var list []Device
	out := h.Exec("ip", "-json", "link", "show", "type", "ifb")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		h.t.Fatalf("ip: %v: %s", err, out)
	}
	names := []string{}
	for _, device := range list {
		names = append(names, device.Name)
	}
	return names
}

// EgressDevice is the pod's only ifb device.
func (h *Host) EgressDevice() string {
	h.t.Helper()
	names := h.EgressDevices()
	if len(names) != 1 {
		h.t.Fatalf("the pod's ifb devices are %q, want one", names)
	}
	return names[0]
}

// Bucket is a token bucket filter as tc shows it.
type Bucket struct {
	Rate  int64 // bits per second
	Burst int64 // bits, as tc works it out of the time that the burst takes
}

// Bucket reads the root qdisc of one of the pod's devices; zero: it is no token bucket filter.
func (h *Host) Bucket(device string) Bucket {
	h.t.Helper()
	var list []struct {
		Kind    string          `json:"kind"`
		Options json.RawMessage `json:"options"` // of other kinds, other types
	}
	out := h.Exec("tc", "-json", "qdisc", "show", "dev", device, "root")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		h.t.Fatalf("tc: %v: %s", err, out)
	}
	if len(list) != 1 || list[0].Kind != "tbf" {
		return Bucket{}
	}
	var bytes struct{ Rate, Burst int64 }
	if err := json.Unmarshal(list[0].Options, &bytes); err != nil {
		h.t.Fatalf("tc: %v: %s", err, out)
	}
	return Bucket{Rate: 8 * bytes.Rate, Burst: 8 * bytes.Burst}
}

// Wire is a packet socket on a device, which sends and receives frames as they are.
type Wire struct {
	h  *Host
	fd int
}

// OpenWire opens a device of a namespace until the test ends.
func (h *Host) OpenWire(ns *netns.Netns, device string) *Wire {
	h.t.Helper()
	w := &Wire{h: h, fd: -1}
	h.Must(ns.Do(func() error {
		link, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		everything := int(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)))
		if w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, everything); err != nil {
			return err
		}
		return errors.Join(
			unix.Bind(w.fd, &unix.SockaddrLinklayer{Protocol: uint16(everything), Ifindex: link.Index}),
			unix.SetsockoptInt(w.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
			unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}),
		)
	}))
	h.t.Cleanup(func() { _ = unix.Close(w.fd) }) // a socket: nothing is buffered
	return w
}

// Send sends a frame.
func (w *Wire) Send(frame []byte) {
	w.h.t.Helper()
	w.h.Must(w.TrySend(frame))
}

// TrySend says whether a frame was sent. ENOBUFS: something on the way out dropped it.
func (w *Wire) TrySend(frame []byte) error { return unix.Send(w.fd, frame, 0) }

// Receive waits a second for a frame whose last bytes are the given ones.
func (w *Wire) Receive(end []byte) ([]byte, error) {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		frame, err := w.receive()
		if err != nil || bytes.HasSuffix(frame, end) {
			return frame, err
		}
	}
	return nil, os.ErrDeadlineExceeded
}

// receive puts back the VLAN tag, which the kernel keeps beside the frame
// (packet(7), PACKET_AUXDATA).
func (w *Wire) receive() ([]byte, error) {
	frame, control := make([]byte, 1<<17), make([]byte, 256)
	n, controlLen, _, _, err := unix.Recvmsg(w.fd, frame, control, 0)
	if err != nil {
		return nil, err
	}
	frame = slices.Clone(frame[:n])
	messages, err := unix.ParseSocketControlMessage(control[:controlLen])
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		if message.Header.Level != unix.SOL_PACKET || message.Header.Type != unix.PACKET_AUXDATA {
			continue
		}
		const status, tci, tpid = 0, 16, 18 // of struct tpacket_auxdata, include/uapi/linux/if_packet.h
		if binary.NativeEndian.Uint32(message.Data[status:])&unix.TP_STATUS_VLAN_VALID != 0 {
			tag := binary.BigEndian.AppendUint16(nil, binary.NativeEndian.Uint16(message.Data[tpid:]))
			tag = binary.BigEndian.AppendUint16(tag, binary.NativeEndian.Uint16(message.Data[tci:]))
			const addresses = 12
			frame = slices.Insert(frame, addresses, tag...)
		}
	}
	return frame, nil
}
