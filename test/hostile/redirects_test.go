package hostile

import (
	"strings"
	"testing"
	"time"
)

// routed starts a pod with an addressed tap and a guest that is the gateway of routes over the tap. The script makes settings of the
// pod before ADD.
func routed(t *testing.T, script string) (*pod, *guest) {
	t.Helper()
	p := newPod(t)
	p.wire()
	p.sh(script)
	p.Run("ADD", "net1", conf(t, owned, addressed)).WantOK()
	return p, p.guest("net1")
}

func TestRedirectOfIPv6Ignored(t *testing.T) {
	const destination = "2001:db8:51::5"
	p, g := routed(t, "true")
	for range 5 {
		g.send(redirect6(p.MustDevice("net1").MAC, "2001:db8:2::2", destination))
		time.Sleep(200 * time.Millisecond)
	}
	if way := p.sh("ip -6 route get " + destination); !strings.Contains(way, "via "+guestLinkLocal+" ") {
		t.Errorf("the guest redirected a route of the pod: %s", way)
	}
}

// TestRedirectOfIPv4Ignored has the guest redirect a route over the tap and, in the name of the node, a route over eth0. The kernel
// accepts redirects if the device or "all" does. ADD sets "all" to 0, which does not change what eth0 accepts.
func TestRedirectOfIPv4Ignored(t *testing.T) {
	for _, all := range []string{"1", "0"} {
		for _, c := range []struct{ name, pod, gateway, better, destination string }{
			{"route over the tap", "192.0.2.2", "192.0.2.1", "192.0.2.66", "198.51.100.5"},
			{"route over eth0", pod4, node4, "10.7.0.66", "203.0.113.5"},
		} {
			t.Run(c.name+", all.accept_redirects="+all, func(t *testing.T) {
				p, g := routed(t, "echo "+all+" >/proc/sys/net/ipv4/conf/all/accept_redirects")
				p.sh("ip neigh add 10.7.0.66 lladdr " + otherMAC + " dev eth0") // a second host on the wire
				for range 5 {
					g.send(arpRequest(otherMAC, "192.0.2.66", "192.0.2.2"), arpRequest(guestMAC, "192.0.2.1", "192.0.2.2"))
					time.Sleep(100 * time.Millisecond)
					g.send(redirect4(p.MustDevice("net1").MAC, c.pod, c.gateway, c.better, c.destination))
					time.Sleep(100 * time.Millisecond)
				}
				way := p.sh("ip route get " + c.destination)
				t.Logf("accept_redirects: net1 %s, all %s; forwarding of net1 %s; %s", p.ipv4("net1", "accept_redirects"),
					p.ipv4("all", "accept_redirects"), p.ipv4("net1", "forwarding"), strings.TrimSpace(way))
				if accepts := p.ipv4("eth0", "accept_redirects") + p.ipv4("all", "accept_redirects"); accepts != "10" {
					t.Errorf("accept_redirects of eth0 and all\nwant 1, which the device has from the beginning, and 0\ngot  %s", accepts)
				}
				if !strings.Contains(way, "via "+c.gateway+" ") {
					t.Errorf("the guest redirected a route of the pod: %s", way)
				}
			})
		}
	}
}

// ipv4 returns a setting of IPv4 of a device of the pod.
func (p *pod) ipv4(device, setting string) string {
	p.t.Helper()
	return strings.TrimSpace(p.sh("cat /proc/sys/net/ipv4/conf/" + device + "/" + setting))
}
