package hostile

import (
	"bytes"
	"testing"
	"time"
)

// The source addresses that the guest forges.
const forged4, forged6 = "203.0.113.7", "2001:db8:bad::7"

// forwarded sends frames of the guest to the tap's MAC address, and returns how many arrive at the node.
func (p *pod) forwarded(g *guest, packet []byte, etherType uint16, tap string) int {
	p.t.Helper()
	wire := p.Capture(p.Node, "wire")
	for range 5 {
		g.send(ethernet(p.MustDevice(tap).MAC, etherType, packet))
		time.Sleep(100 * time.Millisecond)
	}
	count := 0
	for _, frame := range wire.Frames() {
		if bytes.Contains(frame, []byte(payload)) {
			count++
		}
	}
	return count
}

// forwarding makes a pod that forwards, as it does if the node's ip_forward is inherited, with a guest behind net1.
func forwarding(t *testing.T, keys ...m) (*pod, *guest) {
	t.Helper()
	p := newPod(t)
	p.wire()
	p.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
	p.Run("ADD", "net1", conf(t, append([]m{owned}, keys...)...)).WantOK()
	return p, p.guest("net1")
}

func TestForwardNothing(t *testing.T) {
	p, g := forwarding(t)
	count := p.forwarded(g, udp4(forged4, node4, 9), typeIPv4, "net1")
	t.Logf("%d frames at the node, bound 0", count)
	if count > 0 {
		t.Errorf("the pod forwarded %d frames with a forged IPv4 source", count)
	}
}

func TestForwardOnRequest(t *testing.T) {
	p, g := forwarding(t, m{"forward": true})
	if p.forwarded(g, udp4(forged4, node4, 9), typeIPv4, "net1") == 0 {
		t.Error("the pod did not forward IPv4")
	}
	p.sh("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
	if p.forwarded(g, udp6(forged6, node6, 9), typeIPv6, "net1") == 0 {
		t.Error("the pod did not forward IPv6")
	}
}

// TestForwardNothingOfIPv6 is about a pod that did not make itself a router: before Linux 6.17 only net.ipv6.conf.all decides
// whether the kernel forwards IPv6, and a new namespace does not inherit it.
func TestForwardNothingOfIPv6(t *testing.T) {
	p, g := forwarding(t)
	count := p.forwarded(g, udp6(forged6, node6, 9), typeIPv6, "net1")
	t.Logf("%d frames at the node, bound 0", count)
	if count > 0 {
		t.Errorf("the pod forwarded %d frames with a forged IPv6 source", count)
	}
}

func TestARPUnanswered(t *testing.T) {
	for _, c := range []struct{ name, settings, address string }{
		{"address of eth0", "true", pod4},
		{"proxy_arp", "echo 1 >/proc/sys/net/ipv4/conf/all/proxy_arp; echo 1 >/proc/sys/net/ipv4/conf/default/proxy_arp", "10.7.0.77"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPod(t)
			p.wire()
			p.sh("echo 1 >/proc/sys/net/ipv4/ip_forward; " + c.settings)
			p.Run("ADD", "net1", conf(t, owned)).WantOK()
			g := p.guest("net1")
			if g.answered(arpRequest(guestMAC, "10.7.0.99", c.address), isARPReplyFor(c.address)) {
				t.Errorf("the pod answered for %s on the tap", c.address)
			}
		})
	}
}

func TestARPAnsweredForTheTap(t *testing.T) {
	p := newPod(t)
	p.wire()
	p.Run("ADD", "net1", conf(t, owned, addressed)).WantOK()
	g := p.guest("net1")
	if !g.answered(arpRequest(guestMAC, "192.0.2.1", "192.0.2.2"), isARPReplyFor("192.0.2.2")) {
		t.Error("the pod did not answer for the tap's own address")
	}
	if g.answered(arpRequest(guestMAC, "192.0.2.1", pod4), isARPReplyFor(pod4)) {
		t.Error("the pod answered for the address of eth0 on the tap")
	}
}

func TestRedirectHidesThePod(t *testing.T) {
	p := newPod(t)
	p.wire()
	p.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
	listener := p.listenUDP()
	p.Run("ADD", "eth0", p.redirect(owned)).WantOK()
	g := p.guest("tap-eth0")
	if g.answered(arpRequest(guestMAC, "10.7.0.99", pod4), isARPReplyFor(pod4)) {
		t.Error("the pod's kernel answered the guest")
	}
	for _, to := range []string{p.MustDevice("tap-eth0").MAC, podMAC} {
		g.send(ethernet(to, typeIPv4, udp4(node4, pod4, listener.port)))
	}
	if got := listener.receive(); got != "" {
		t.Errorf("a socket of the pod received %q from the guest", got)
	}
	if count := p.forwarded(g, udp4(forged4, "10.7.0.77", 9), typeIPv4, "tap-eth0"); count != 5 {
		t.Errorf("%d frames at the node, want the 5 that the guest sent", count)
	}
}
