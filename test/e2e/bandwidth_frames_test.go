package e2e

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
	"tap/test/netns"
)

// A frame that took the way through the egress device is handed over as one that
// did not: to the bridge whose port the tap is, and by that to another port.
func TestBandwidthFramesStayAsTheyAre(t *testing.T) {
	const guest, other, everybody, group = "\x02\x00\x00\x00\x00\x09", "\x02\x00\x00\x00\x00\x05", "\xff\xff\xff\xff\xff\xff", "\x33\x33\x00\x00\x00\x01"
	for name, keys := range map[string]m{"limited": limits(ingressRate, egressRate), "unlimited": {}} {
		t.Run(name, func(t *testing.T) {
			host, ns := bridgedPod(t)
			if out, err := ns.Output("ip", "link", "set", "eth0", "mtu", "9000"); err != nil {
				t.Fatal(err, out)
			}
			host.Exec("ip", "link", "set", "port", "mtu", "9000")
			vm := newVM(t, host, conf(t, keys, m{"bridge": "br0", "mtu": 9000}), "-mtu", "9000")
			inside, outside := host.OpenWire(vm.NS, "eth0"), host.OpenWire(ns, "eth0")
			for _, c := range []struct{ name, tags string }{
				{"no tag", ""},
				{"VLAN 5", "\x81\x00\x00\x05"},
				{"VLAN 4094, priority 7", "\x81\x00\xef\xfe"},
				{"priority alone", "\x81\x00\xa0\x00"},
				{"VLAN 7 in VLAN 9", "\x88\xa8\x00\x09\x81\x00\x00\x07"},
			} {
				for _, size := range []int{46, 1500, 8992} {
					for _, to := range []string{everybody, group, ""} {
						payload := bytes.Repeat([]byte(c.name+fmt.Sprintf(", %d bytes to %x. ", size, to)), 500)[:size]
						frame := func(to, from string) []byte {
							return slices.Concat([]byte(to+from+c.tags+"\x88\xb5"), payload) // IEEE 802, local experiments
						}
						wantArrives(t, c.name+", from the guest", inside, outside, frame(orElse(to, other), guest), payload)
						wantArrives(t, c.name+", to the guest", outside, inside, frame(orElse(to, guest), other), payload)
					}
				}
			}
		})
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func wantArrives(t *testing.T, what string, from, to *harness.Wire, frame, end []byte) {
	t.Helper()
	from.Send(frame)
	got, err := to.Receive(end)
	if err != nil || !bytes.Equal(got, frame) {
		t.Errorf("%s: %d bytes arrived, %v\n got %s\nwant %s", what, len(got), err, hex.EncodeToString(got[:min(len(got), 40)]), hex.EncodeToString(frame[:40]))
	}
}

// What the guest's stack leaves to its card (checksums, segmentation) is done,
// and neighbours find each other.
func TestBandwidthTraffic(t *testing.T) {
	host, other := bridgedPod(t)
	if out, err := other.Output("ip", "addr", "add", "2001:db8::5/64", "dev", "eth0", "nodad"); err != nil {
		t.Fatal(err, out)
	}
	vm := newVM(t, host, conf(t, limits(400_000_000, 400_000_000), m{"bridge": "br0"}))
	for _, way := range []struct {
		from, to *netns.Netns
		v4, v6   string
	}{{other, vm.NS, guest4, guest6}, {vm.NS, other, other4, "2001:db8::5"}} {
		for _, to := range []string{way.v4, way.v6} {
			for _, size := range []string{"56", "1452", "20000"} { // the last one in fragments
				if out, err := way.from.Output("ping", "-c", "2", "-i", "0.01", "-W", "5", "-s", size, to); err != nil || strings.Contains(out, "DUP!") {
					t.Errorf("ping of %s bytes: %v\n%s", size, err, out)
				}
			}
			sendIntact(t, way.from, way.to, to)
			wantDatagrams(t, way.from, way.to, to)
		}
	}
}

// openUDP opens a socket in a namespace until the test ends.
func openUDP(t *testing.T, ns *netns.Netns, open func() (*net.UDPConn, error)) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	if err := ns.Do(func() error {
		var err error
		conn, err = open()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // nothing is buffered
	return conn
}

// wantDatagrams sends UDP that the card shall cut into datagrams (udp(7), UDP_SEGMENT).
func wantDatagrams(t *testing.T, from, to *netns.Netns, address string) {
	t.Helper()
	const size, count = 1200, 20
	receiver := openUDP(t, to, func() (*net.UDPConn, error) { return net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address)}) })
	sender := openUDP(t, from, func() (*net.UDPConn, error) {
		return net.DialUDP("udp", nil, receiver.LocalAddr().(*net.UDPAddr))
	})
	raw, err := sender.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var refused error
	err = raw.Control(func(fd uintptr) { refused = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, size) })
	if err := errors.Join(err, refused); err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, size*count)
	for i := range sent {
		sent[i] = byte(i / 251)
	}
	if _, err := sender.Write(sent); err != nil {
		t.Fatal(err)
	}
	if err := receiver.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	datagram := make([]byte, 1<<16)
	for range count {
		n, err := receiver.Read(datagram)
		if err != nil || n != size {
			t.Errorf("datagram of %d bytes, %v; want %d", n, err, size)
			return
		}
		got = append(got, datagram[:n]...)
	}
	if !bytes.Equal(got, sent) {
		t.Error("the datagrams do not carry what was sent")
	}
}
