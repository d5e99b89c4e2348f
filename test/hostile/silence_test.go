package hostile

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"
)

// TestSilence captures what the pod's kernel sends to guests on taps without IPAM: nothing, although the pod has a listening socket.
func TestSilence(t *testing.T) {
	const capture = 6 * time.Second // router solicitations are 4 s apart
	p := newPod(t)
	p.wire()
	listener, err := p.Pod.Listen(context.Background(), "::")
	p.Must(err)
	defer listener.Close()
	p.sh("ip link add br0 type bridge; ip link set br0 addrgenmode none type bridge mcast_snooping 0; ip link set br0 up")
	p.Run("ADD", "net1", conf(t, owned)).WantOK()
	p.Run("ADD", "net2", conf(t, owned, m{"bridge": "br0"})).WantOK()
	plain, port := p.guest("net1"), p.guest("net2")
	time.Sleep(capture)
	wantNoFrames(t, plain, "plain tap")
	wantNoFrames(t, port, "bridge port")
	// Not those of the bridge port: the bridge itself is a device of the pod, which may answer.
	plain.send(provocations(p.MustDevice("net1").MAC)...)
	time.Sleep(1500 * time.Millisecond)
	wantNoFrames(t, plain, "plain tap, provoked")
	for _, name := range []string{"net1", "net2"} {
		if addresses := p.MustDevice(name).Addresses; len(addresses) > 0 {
			t.Errorf("%s has addresses: %+v", name, addresses)
		}
	}

	// An address that is added later works.
	p.sh("ip -6 addr add 2001:db8:9::2/64 dev net1 nodad")
	request := ethernet("33:33:ff:00:00:02", typeIPv6, neighbour6("2001:db8:9::1", "ff02::1:ff00:2", 135,
		slices.Concat(be32(0), ip("2001:db8:9::2"), []byte{1, 1}, mac(guestMAC))))
	isAdvertisement := func(frame []byte) bool { return len(frame) > 54 && frame[20] == protoICMP6 && frame[54] == 136 }
	if !plain.answered(request, isAdvertisement) {
		t.Error("an IPv6 address that was added later does not work")
	}
}

// provocations are frames that a host answers if it has an address on the link.
func provocations(tapMAC string) [][]byte {
	const echo4, echo6, multicastQuery = 8, 128, 130
	return [][]byte{
		arpRequest(guestMAC, "10.7.0.99", pod4),
		ethernet(tapMAC, typeIPv4, ipv4("10.7.0.99", pod4, protoICMP, icmp4(echo4, 0, be32(1)))),
		ethernet(broadcastMAC, typeIPv4, ipv4("10.7.0.99", "255.255.255.255", protoICMP, icmp4(echo4, 0, be32(1)))),
		ethernet(allNodesMAC, typeIPv6, neighbour6(guestLinkLocal, allNodes, echo6, be32(1))),
		ethernet(tapMAC, typeIPv6, neighbour6(guestLinkLocal, pod6, echo6, be32(1))),
		ethernet("33:33:ff:00:00:02", typeIPv6, neighbour6(guestLinkLocal, "ff02::1:ff00:2", 135,
			slices.Concat(be32(0), ip(pod6), []byte{1, 1}, mac(guestMAC)))),
		ethernet(allNodesMAC, typeIPv6, neighbour6(guestLinkLocal, allNodes, multicastQuery, append(be32(100<<16), make([]byte, 16)...))),
		routerAdvertisement(),
	}
}

// udpListener is a UDP socket of the pod on all its addresses.
type udpListener struct {
	p    *pod
	conn *net.UDPConn
	port uint16
}

func (p *pod) listenUDP() *udpListener {
	p.t.Helper()
	l := &udpListener{p: p}
	p.Must(p.Pod.Do(func() error {
		var err error
		l.conn, err = net.ListenUDP("udp", &net.UDPAddr{})
		return err
	}))
	p.t.Cleanup(func() { l.conn.Close() }) //nolint:errcheck // nothing is buffered
	l.port = uint16(l.conn.LocalAddr().(*net.UDPAddr).Port)
	return l
}

// receive returns the datagram that arrives within a second, or "".
func (l *udpListener) receive() string {
	l.p.t.Helper()
	l.p.Must(l.conn.SetReadDeadline(time.Now().Add(time.Second)))
	datagram := make([]byte, 1024)
	n, err := l.conn.Read(datagram)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	l.p.Must(err)
	return string(datagram[:n])
}
