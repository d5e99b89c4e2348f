package hostile

import (
	"strings"
	"testing"
	"time"
)

// addressed gives the tap an IPv4 and an IPv6 address, and routes over it.
var addressed = fake(m{
	"ips": []any{m{"address": "192.0.2.2/24"}, m{"address": "2001:db8:2::2/64"}},
	"routes": []any{
		m{"dst": "198.51.100.0/24", "gw": "192.0.2.1"},
		m{"dst": "2001:db8:51::/64", "gw": guestLinkLocal},
	},
})

func TestRouterAdvertisementIgnored(t *testing.T) {
	for name, keys := range map[string]m{"without address": {}, "with addresses": addressed} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t)
			p.wire()
			p.Run("ADD", "net1", conf(t, owned, keys)).WantOK()
			g := p.guest("net1")
			mtu := p.sh("cat /proc/sys/net/ipv6/conf/net1/mtu")
			p.advertise(g)
			if got := p.advertised("net1"); got != "" {
				t.Errorf("a router advertisement of the guest changed the pod:\n%s", got)
			}
			if way := p.sh("ip -6 route get 2606:4700::1111"); !strings.Contains(way, "dev eth0") {
				t.Errorf("the guest has the pod's default route: %s", way)
			}
			if now := p.sh("cat /proc/sys/net/ipv6/conf/net1/mtu"); now != mtu {
				t.Errorf("the guest changed the IPv6 MTU of the tap from %s to %s", mtu, now)
			}
		})
	}
}

// advertise sends router advertisements to the pod for a while.
func (p *pod) advertise(g *guest) {
	for range 3 {
		g.send(routerAdvertisement())
		time.Sleep(300 * time.Millisecond)
	}
}

// advertised returns the routes and addresses of the pod that come from the guest's router advertisement. A device of the pod may have
// addresses of its own.
func (p *pod) advertised(device string) string {
	p.t.Helper()
	return p.sh(`ip -6 route show table all | grep -E 'proto ra|via ` + guestLinkLocal + ` .*expires|2001:db8:(dead|cafe):' || true
		ip -6 -o addr show dev ` + device + ` | grep 2001:db8:dead: || true`)
}

func TestRouterAdvertisementAcceptedOnRequest(t *testing.T) {
	p := newPod(t)
	p.Run("ADD", "net1", conf(t, owned, m{"acceptRA": true})).WantOK()
	g := p.guest("net1")
	p.advertise(g)
	if got := p.advertised("net1"); !strings.Contains(got, "default via "+guestLinkLocal) || !strings.Contains(got, "2001:db8:dead:") {
		t.Errorf("the pod did not configure itself by the router advertisement: %q", got)
	}
}

func TestRouterAdvertisementIgnoredByRedirect(t *testing.T) {
	p := newPod(t)
	p.wire()
	p.Run("ADD", "eth0", p.redirect(owned)).WantOK()
	g := p.guest("tap-eth0")
	p.advertise(g)
	for _, device := range []string{"eth0", "tap-eth0"} {
		if got := p.advertised(device); got != "" {
			t.Errorf("a router advertisement of the guest changed the pod:\n%s", got)
		}
	}
}
