package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/netns"
)

// Every frame passes as it is, both ways: whatever its type, its tags (the first of which
// the kernel keeps beside the frame), its size and to whom.
func TestRedirectFramesStayAsTheyAre(t *testing.T) {
	const guest, node = "\x02\x00\x00\x00\x00\x09", "\x02\x00\x00\x00\x00\x01"
	h := newTakeover(t)
	h.sh("ip link set eth0 mtu 9000")
	h.in(h.Node, "ip link set wire mtu 9000")
	h.add(owned()).WantOK()
	vm := h.guest("-mtu", "9000")
	inside, outside := h.OpenWire(vm.NS, "eth0"), h.OpenWire(h.Node, "wire")
	for name, kind := range map[string]string{
		"experiment":             "\x88\xb5",
		"VLAN 5":                 "\x81\x00\x00\x05\x88\xb5",
		"VLAN 4094, priority 7":  "\x81\x00\xef\xfe\x88\xb5",
		"priority alone":         "\x81\x00\xa0\x00\x88\xb5",
		"provider VLAN 9":        "\x88\xa8\x00\x09\x88\xb5",
		"VLAN 7 in VLAN 9":       "\x88\xa8\x00\x09\x81\x00\x00\x07\x88\xb5",
		"VLAN 7 in VLAN 9, both": "\x81\x00\x00\x09\x81\x00\x00\x07\x88\xb5",
		"IPv4 that is none":      "\x08\x00",
		"IPv6 that is none":      "\x86\xdd",
		"ARP that is none":       "\x08\x06",
		"MPLS":                   "\x88\x47",
		"LLDP":                   "\x88\xcc",
		"MAC control":            "\x88\x08",
		"EAPOL":                  "\x88\x8e",
		"PPPoE":                  "\x88\x64",
		"reserved":               "\xff\xff",
	} {
		for _, size := range []int{46, 1500, 8992} {
			for _, to := range []string{"\xff\xff\xff\xff\xff\xff", "\x33\x33\x00\x00\x00\x01", "\x01\x80\xc2\x00\x00\x00", "\x02\x00\x00\x00\x00\x77", ""} {
				payload := bytes.Repeat([]byte(name+fmt.Sprintf(", %d bytes to %x. ", size, to)), 500)[:size]
				frame := func(to, from string) []byte { return slices.Concat([]byte(to+from+kind), payload) }
				wantArrives(t, name+", from the guest", inside, outside, frame(orElse(to, node), guest), payload)
				wantArrives(t, name+", to the guest", outside, inside, frame(orElse(to, guest), node), payload)
				if t.Failed() {
					return // the rest may take a second each
				}
			}
		}
	}
	short := []byte("\x01\x80\xc2\x00\x00\x00" + node + "\x00\x26\x42\x42\x03" + strings.Repeat("\x00", 35)) // IEEE 802.3, a length: spanning tree
	wantArrives(t, "a length instead of a type", outside, inside, short, short[12:])
}

// Segments that a card would cut pass whole, to 64 KB.
func TestRedirectPassesSegmentsWhole(t *testing.T) {
	h := newTakeover(t)
	h.add(owned()).WantOK()
	vm := h.guest()
	h.wantAnswers(true)
	for _, way := range []struct {
		name     string
		from, to *netns.Netns
		device   string // of the receiver
		address  string
	}{
		{"to the guest", h.Node, vm.NS, "eth0", wired4}, {"to the guest, IPv6", h.Node, vm.NS, "eth0", wired6},
		{"from the guest", vm.NS, h.Node, "wire", node4}, {"from the guest, IPv6", vm.NS, h.Node, "wire", node6},
	} {
		t.Run(way.name, func(t *testing.T) {
			capture := h.Capture(way.to, way.device)
			sendIntact(t, way.from, way.to, way.address)
			wantDatagrams(t, way.from, way.to, way.address)
			largest := 0
			for _, frame := range capture.Frames() {
				largest = max(largest, len(frame))
			}
			if largest < 60_000 {
				t.Errorf("the largest frame has %d bytes", largest)
			}
		})
	}
}

// The interface's frames are spread over all queues, and those of each queue go out.
func TestRedirectUsesEveryQueue(t *testing.T) {
	const queues = 4
	h := newTakeover(t)
	h.add(m{"multiQueue": true}).WantOK()
	var fds []int
	for range queues {
		fds = append(fds, h.OpenTap("tap-eth0", unix.IFF_MULTI_QUEUE))
	}
	outside := h.OpenWire(h.Node, "wire")
	for i, fd := range fds {
		payload := bytes.Repeat([]byte(fmt.Sprintf("queue %d ", i)), 8)
		frame := slices.Concat([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x09\x88\xb5"), payload)
		_, err := unix.Write(fd, frame)
		h.Must(err)
		got, err := outside.Receive(payload)
		if err != nil || !bytes.Equal(got, frame) {
			t.Errorf("of queue %d arrived %q, %v", i, got, err)
		}
	}
	got := make([]int, queues)
	for port := range 100 { // flows of UDP, whose ports are in the hash
		outside.Send(udpFrame(uint16(40000 + port)))
	}
	for i, fd := range fds {
		for readable(h, fd) {
			frame := make([]byte, 2048)
			if n, err := unix.Read(fd, frame); err == nil && bytes.HasSuffix(frame[:n], []byte("flow")) {
				got[i]++
			}
		}
	}
	total := 0
	for _, n := range got {
		total += n
	}
	if total != 100 || slices.Contains(got, 0) {
		t.Errorf("frames by queue %v, want 100 in all, and some in each", got)
	}
}

func readable(h *takeover, fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 50)
	h.Must(err)
	return n > 0
}

// udpFrame is a datagram from the node to the pod, from that port.
func udpFrame(port uint16) []byte {
	ip := []byte("\x45\x00\x00\x20\x00\x00\x40\x00\x40\x11\x00\x00\x0a\x07\x00\x01\x0a\x07\x00\x02")
	udp := []byte{byte(port >> 8), byte(port), 0, 9, 0, 12, 0, 0}
	return slices.Concat([]byte("\x02\x00\x00\x00\x00\x09\x02\x00\x00\x00\x00\x01\x08\x00"), ip, udp, []byte("flow"))
}
