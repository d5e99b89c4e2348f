package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"tap/test/harness"
	"tap/test/netns"
)

// A guest that is the pod on a network of the reference plugins, and the other end of
// the network, which is the node.
func TestRedirectTraffic(t *testing.T) {
	const size = 500_000_000 // bytes, each way by TCP
	for _, c := range []struct {
		name        string
		first       m
		queues, mtu int
	}{
		{"bridge", dual(bridgePlugin(), "88"), 4, 1500},
		{"ptp, jumbo frames", dual(ptpPlugin(), "89"), 4, 9000},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.first["mtu"] = c.mtu
			chain := redirectChain(t, "1.1.0", c.first, owned(), m{"multiQueue": true})
			mustShell(t, chain.host.Node, fmt.Sprintf("ip link set cni0 mtu %d", c.mtu)+`; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; ip addr add 2001:db8:88::1/64 dev cni0 nodad
				until ip -6 route show table local | grep -q "^anycast 2001:db8:88:: "; do sleep 0.01; done # the kernel's, in its own time`)
			chain.before = chain.snapshot()
			guest := startGuestOf(t, chain, c.queues, c.mtu)
			for _, ip := range guest.addresses {
				wantPings(t, chain.host.Node, ip, c.mtu)
			}
			for _, ip := range guest.gateways {
				wantPings(t, guest.NS, ip, c.mtu)
			}
			sendIntactly(t, chain.host.Node, guest.NS, guest.addresses[0], size)
			sendIntactly(t, guest.NS, chain.host.Node, guest.gateways[1], size)
			wantStreams(t, chain.host.Node, guest.NS, guest.addresses[1], c.queues)
			chain.wantChecked()
			chain.del() // under the guest
		})
	}
}

// dual is the plugin with addresses of both families.
func dual(plugin m, subnet string) m {
	plugin["ipam"] = m{
		"type": "host-local", "dataDir": "$STORE", "routes": []any{m{"dst": "0.0.0.0/0"}, m{"dst": "::/0"}},
		"ranges": []any{[]any{m{"subnet": "10." + subnet + ".0.0/24"}}, []any{m{"subnet": "2001:db8:" + subnet + "::/64"}}},
	}
	return plugin
}

func mustShell(t *testing.T, ns *netns.Netns, script string) {
	t.Helper()
	if _, err := ns.Output("sh", "-ec", script); err != nil {
		t.Fatal(err)
	}
}

// chainGuest is a guest that has what the chain's result says is its own.
type chainGuest struct {
	*harness.VM
	addresses, gateways []string // IPv4, then IPv6
}

func startGuestOf(t *testing.T, c *chain, queues, mtu int) chainGuest {
	t.Helper()
	result := c.add()
	own := len(result.Interfaces) - 1
	var guest chainGuest
	args := []string{"-tap", result.Interfaces[own].Name, "-mac", result.Interfaces[own].Mac, "-user", "64001", "-group", "64002",
		"-queues", fmt.Sprint(queues), "-mtu", fmt.Sprint(mtu)}
	for _, ip := range result.IPs {
		if *ip.Interface == own {
			guest.addresses, guest.gateways = append(guest.addresses, ip.Address.IP.String()), append(guest.gateways, ip.Gateway.String())
			args = append(args, "-addr", ip.Address.String(), "-gateway", ip.Gateway.String())
		}
	}
	guest.VM = c.host.StartVM(args...)
	if got := c.host.MustDevice("tap-eth0").Details.Data.Queues; queues > 1 && got != queues {
		t.Errorf("%d queues are attached, want %d", got, queues)
	}
	return guest
}

// wantPings fails unless an address answers, to frames of all sizes up to the MTU, and in fragments.
func wantPings(t *testing.T, from *netns.Netns, address string, mtu int) {
	t.Helper()
	headers := 28
	if net.ParseIP(address).To4() == nil {
		headers = 48
	}
	for _, size := range []int{0, 56, mtu - headers, 20000} {
		args := []string{"-n", "-q", "-c", "3", "-i", "0.05", "-W", "5", "-s", fmt.Sprint(size)}
		if size <= mtu {
			args = append(args, "-M", "do")
		}
		if out, err := from.Output("ping", append(args, address)...); err != nil || strings.Contains(out, "duplicates") {
			t.Errorf("ping %s, %d bytes: %v\n%s", address, size, err, out)
		}
	}
}

// wantStreams has iperf3 send a second's worth in several streams at once.
func wantStreams(t *testing.T, from, to *netns.Netns, address string, streams int) {
	t.Helper()
	served := make(chan error, 1)
	go func() {
		_, err := to.Output("iperf3", "-s", "-1", "-B", address)
		served <- err
	}()
	out := ""
	eventually(t, "iperf3 serves", func() bool {
		var err error
		out, err = from.Output("iperf3", "-c", address, "-P", fmt.Sprint(streams), "-t", "1", "-f", "m")
		return err == nil
	})
	if err := <-served; err != nil {
		t.Error(err)
	}
	if got := strings.Count(out, "receiver"); got < streams {
		t.Errorf("%d streams arrived, want %d:\n%s", got, streams, out)
	}
	t.Log(out[strings.LastIndex(out, "- - -"):])
}

// An interface of another kind, which has no other end.
func TestRedirectMacvlan(t *testing.T) {
	harness.NeedRoot(t) // its programs are BPF
	h := &takeover{Host: harness.NewHost(t), t: t}
	h.in(h.Node, "ip link add wire address "+nodeMAC+" up type veth peer name parent; ip link set parent up; "+
		"ip link add link parent name eth0 address "+podMAC+" netns "+h.Pod.Path()+" type macvlan mode bridge")
	h.sh("ip link set lo up; ip link set eth0 up")
	h.address("eth0")
	added := h.add(owned()).WantOK()
	vm := h.guest()
	h.wantAnswers(true)
	sendIntact(t, h.Node, vm.NS, wired4)
	sendIntact(t, vm.NS, h.Node, node6)
	h.check(added, owned()).WantOK()
	h.del().WantOK()
	h.wantAsBefore()
	h.wantAnswers(true)
}
