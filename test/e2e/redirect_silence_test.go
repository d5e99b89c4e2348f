package e2e

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"time"

	"tap/test/harness"
)

// What a pod's kernel sends to the wire when it is provoked as below.
var spoken = []string{
	"ARP reply", "ARP request", "MLD report", "TCP reset", "UDP", "echo reply", "echo reply v6", "echo request", "echo request v6",
	"frame ffffffffffff" + "020000000009" + "88b5" + "70726f63657373", // "process"
	"neighbour advertisement", "neighbour solicitation", "router solicitation", "unreachable",
}

// A guest's own MAC address, where its frames are to be told from those of the pod's kernel.
const otherMAC = "02:00:00:00:00:0a"

// While it has the interface only the guest is heard; without it nobody, and after DEL
// the pod again. The first case shows that there would be something to hear.
func TestRedirectSilencesThePod(t *testing.T) {
	for _, c := range []struct {
		name         string
		taken, guest bool
		want         []string
	}{
		{"not redirected", false, false, spoken},
		{"with a guest", true, true, nil},
		{"without a guest", true, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.sh(quickly)
			if c.taken {
				h.add(owned()).WantOK()
			}
			var inside *harness.Capture
			var vm *harness.VM
			if c.guest {
				vm = h.guest("-mac", otherMAC)
				inside = h.Capture(vm.NS, "eth0")
			}
			wire := h.Capture(h.Node, "wire")
			h.provoke()
			if got := heard(wire, otherMAC); !slices.Equal(got, c.want) {
				t.Errorf("heard from the pod\n got %q\nwant %q", got, c.want)
			}
			if c.guest {
				h.wantAnswers(true)
				if got := heard(inside, nodeMAC, otherMAC); got != nil {
					t.Errorf("the guest heard of the pod %q", got)
				}
				vm.Stop()
				h.wantAnswers(false)
			}
			if c.taken {
				h.del().WantOK()
				h.in(h.Node, "ip neigh flush dev wire") // of the guest's MAC address
				h.wantAnswers(true)
			}
		})
	}
}

// quickly makes a pod's kernel say soon what it says by itself, and keeps its addresses
// where the interface goes down.
const quickly = `cd /proc/sys/net/ipv6/conf/eth0
	echo 0 >router_solicitation_delay; echo 1 >router_solicitation_interval; echo 1 >router_solicitations; echo 1 >keep_addr_on_down`

// provoke has the pod's kernel and its processes speak on eth0, and on what else there is.
func (h *takeover) provoke() {
	h.t.Helper()
	h.sh("ip link set eth0 down; ip link set eth0 up; ip route replace default via " + node4) // announces itself: MLD, router solicitations
	wire := h.OpenWire(h.Node, "wire")
	wire.Send(arpRequest(wired4))
	for _, address := range []string{wired4, wired6} {
		_, _ = h.Node.Output("ping", "-n", "-q", "-c", "1", "-W", "0.5", address) // asks for its MAC address, and then for an answer
	}
	// They know the pod's MAC address now, or are told, so that the rest does arrive.
	h.in(h.Node, "ip neigh replace "+wired4+" lladdr "+podMAC+" dev wire; ip neigh replace "+wired6+" lladdr "+podMAC+" dev wire")
	for _, address := range []string{wired4, wired6} {
		_, _ = h.Node.Output("ping", "-n", "-q", "-c", "1", "-W", "0.5", address)
		h.Must(h.Node.Do(func() error {
			ctx, cancel := context.WithTimeout(h.t.Context(), 200*time.Millisecond)
			defer cancel()
			for _, network := range []string{"tcp", "udp"} { // closed ports
				if conn, err := (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(address, "9")); err == nil {
					_, _ = conn.Write([]byte("who is there"))
					conn.Close()
				}
			}
			return nil
		}))
	}
	h.in(h.Node, "ip neigh del "+wired4+" dev wire; ip neigh del "+wired6+" dev wire")
	wire.Send(mldQuery())
	h.speak("eth0")
	if _, there := h.Device("tap-eth0"); there {
		h.speak("tap-eth0")
	}
	time.Sleep(1500 * time.Millisecond) // some of it the kernel delays by chance
}

// speak has processes of the pod send by one of its devices.
func (h *takeover) speak(device string) {
	h.t.Helper()
	for _, to := range []string{node4, node6, "10.7.0.77", "2001:db8:7::77", "ff02::1%" + device} {
		_, _ = h.Pod.Output("ping", "-n", "-q", "-c", "1", "-W", "0.1", "-I", device, to)
	}
	h.Must(h.Pod.Do(func() error {
		conn, err := net.Dial("udp", "10.7.0.255:9")
		if err == nil {
			_, _ = conn.Write([]byte("hello")) // refused where broadcasting is not asked for
			conn.Close()
		}
		if conn, err = net.Dial("udp", node4+":9"); err == nil {
			_, _ = conn.Write([]byte("hello"))
			conn.Close()
		}
		return nil
	}))
	_ = h.OpenWire(h.Pod, device).TrySend([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x09\x88\xb5process"))
}

func arpRequest(address string) []byte {
	frame := []byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01\x02\x00\x00\x00\x00\x01")
	frame = append(frame, net.ParseIP(node4).To4()...)
	frame = append(frame, 0, 0, 0, 0, 0, 0)
	return append(frame, net.ParseIP(address).To4()...)
}

// mldQuery is a general query of version 2, to be answered within 100 ms (RFC 3810, section 5.1).
func mldQuery() []byte {
	source, all := net.ParseIP("fe80::ff:fe00:1"), net.ParseIP("ff02::1")
	icmp := []byte{130, 0, 0, 0, 0, 100, 0, 0}
	icmp = append(icmp, make([]byte, 20)...) // no group, no sources
	pseudo := slices.Concat(source, all, []byte{0, 0, 0, byte(len(icmp)), 0, 0, 0, protoICMPv6}, icmp)
	sum := uint32(0)
	for i := 0; i < len(pseudo); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(pseudo[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(icmp[2:], ^uint16(sum+sum>>16))
	alert := []byte{protoICMPv6, 0, 5, 2, 0, 0, 1, 0} // hop-by-hop options: router alert
	frame := []byte("\x33\x33\x00\x00\x00\x01\x02\x00\x00\x00\x00\x01\x86\xdd\x60\x00\x00\x00\x00")
	frame = append(frame, byte(len(alert)+len(icmp)), hopByHop, 1)
	return slices.Concat(frame, source, all, alert, icmp)
}

// What the pod's kernel forwards from elsewhere does not leave by the interface either.
func TestRedirectForwardsNothing(t *testing.T) {
	h := newTakeover(t)
	other := harness.NewNetns(t)
	h.sh("ip link add eth1 up type veth peer name far netns " + other.Path() + "; ip addr add 10.8.0.1/24 dev eth1; echo 1 >/proc/sys/net/ipv4/ip_forward")
	h.in(other, "ip link set far up; ip addr add 10.8.0.2/24 dev far; ip route add default via 10.8.0.1")
	h.in(h.Node, "ip route add 10.8.0.0/24 via "+wired4)
	reaches := func() bool {
		_, err := other.Output("ping", "-n", "-q", "-c", "1", "-W", "1", node4)
		return err == nil
	}
	eventually(t, "the pod forwards to begin with", reaches)
	h.add().WantOK()
	wire := h.Capture(h.Node, "wire")
	if reaches() {
		t.Error("the pod forwards beside the guest")
	}
	if got := heard(wire); got != nil {
		t.Errorf("the pod forwards %q", got)
	}
}
