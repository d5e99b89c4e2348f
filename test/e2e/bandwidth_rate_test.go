package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"tap/test/harness"
	"tap/test/netns"
)

// Rates in bits per second and a burst in bits, of frames as Ethernet has them.
const (
	ingressRate = 50_000_000
	egressRate  = 20_000_000
	burst       = 800_000
)

// limits is the key "bandwidth"; a rate of 0 is no limit in that direction.
func limits(ingress, egress int) m {
	key := m{}
	if ingress != 0 {
		key["ingressRate"], key["ingressBurst"] = ingress, burst
	}
	if egress != 0 {
		key["egressRate"], key["egressBurst"] = egress, burst
	}
	return m{"bandwidth": key}
}

// rated is a flow and how fast its frames shall go.
type rated struct {
	name string
	harness.Flow
	rate int // bits per second
	mtu  int
}

// payload is the part of a rate that TCP hands over: of each frame the headers of
// Ethernet, IP and TCP (with time stamps) are taken off.
func (r rated) payload() float64 {
	const ethernet, ipv4, ipv6, tcp = 14, 20, 40, 20 + 12
	ip := ipv4
	if r.Address == guest6 || r.Address == pod6 {
		ip = ipv6
	}
	return float64(r.rate) * float64(r.mtu-ip-tcp) / float64(r.mtu+ethernet)
}

// measure says what the rate is once the burst is spent, and whether it is as it shall be.
func (r rated) measure(t *testing.T) (string, bool) {
	got, err := r.Goodput(t.Context(), 700*time.Millisecond, 2*time.Second)
	if err != nil {
		t.Errorf("%s: %v", r.name, err)
		return "", true
	}
	want := r.payload()
	return fmt.Sprintf("%s: %.2f Mbit/s of payload, want %.2f", r.name, got/1e6, want/1e6), got > 0.9*want && got < 1.1*want
}

// wantRates measures all flows at the same time, and once or twice more, alone,
// those that are off by more than a tenth: the machine may have been busy with
// other things.
func wantRates(t *testing.T, flows []rated) {
	t.Helper()
	var off []rated
	var lock sync.Mutex
	var all sync.WaitGroup
	for _, flow := range flows {
		all.Go(func() {
			rate, ok := flow.measure(t)
			t.Log(rate)
			lock.Lock()
			defer lock.Unlock()
			if !ok {
				off = append(off, flow)
			}
		})
	}
	all.Wait()
	for _, flow := range off {
		rate, ok := flow.measure(t)
		if !ok {
			t.Logf("measured again: %s", rate)
			rate, ok = flow.measure(t)
		}
		if !ok {
			t.Error(rate)
		}
	}
}

// Addresses of the guests, and of what they talk to.
const (
	guest4, pod4 = "10.1.0.9", "10.1.0.2"
	guest6, pod6 = "2001:db8::9", "2001:db8::2"
	other4       = "10.1.0.5"
)

// newVM makes an attachment and starts a guest behind it.
func newVM(t *testing.T, host *harness.Host, config string, args ...string) *harness.VM {
	t.Helper()
	host.Run("ADD", "net1", config).WantOK()
	return startVM(host, args...)
}

// startVM starts the guest of net1.
func startVM(host *harness.Host, args ...string) *harness.VM {
	return host.StartVM(append([]string{"-tap", "net1", "-user", "64001", "-group", "64002",
		"-mac", "02:00:00:00:00:09", "-addr", guest4 + "/24", "-addr", guest6 + "/64"}, args...)...)
}

// Not parallel: the tests that are have the machine afterwards.
func TestBandwidthRates(t *testing.T) {
	var ingress, egress []rated
	add := func(name string, mtu int, vm *harness.VM, other *netns.Netns, guestAddress, otherAddress string) {
		ingress = append(ingress, rated{name + ", ingress", harness.Flow{From: other, To: vm.NS, Address: guestAddress}, ingressRate, mtu})
		egress = append(egress, rated{name + ", egress", harness.Flow{From: vm.NS, To: other, Address: otherAddress}, egressRate, mtu})
	}
	for _, c := range []struct {
		name                string
		keys                m
		guest               []string
		mtu                 int
		guestAddr, otherOne string
	}{
		{"one queue", m{}, nil, 1500, guest4, pod4},
		{"IPv6", m{}, nil, 1500, guest6, pod6},
		{"four queues", m{"multiQueue": true}, []string{"-queues", "4"}, 1500, guest4, pod4},
		{"MTU 9000", m{"mtu": 9000}, []string{"-mtu", "9000"}, 9000, guest4, pod4},
	} {
		host := harness.NewHost(t)
		vm := newVM(t, host, conf(t, hostLocal(), limits(ingressRate, egressRate), c.keys), c.guest...)
		add(c.name, c.mtu, vm, host.Pod, c.guestAddr, c.otherOne)
	}
	host, other := bridgedPod(t)
	add("bridge port", 1500, newVM(t, host, conf(t, limits(ingressRate, egressRate), m{"bridge": "br0"})), other, guest4, other4)

	one, two := twoGuests(t)
	ingress = append(ingress, rated{"guest to guest, limited by ingress", harness.Flow{From: two.NS, To: one.NS, Address: guest4}, egressRate / 2, 1500})
	egress = append(egress, rated{"guest to guest, limited by egress", harness.Flow{From: one.NS, To: two.NS, Address: other4}, egressRate, 1500})

	wantRates(t, ingress)
	wantRates(t, egress)
}

// twoGuests are on one bridge, and the first has the lower limit of ingress.
func twoGuests(t *testing.T) (*harness.VM, *harness.VM) {
	t.Helper()
	host := harness.NewHost(t)
	host.Exec("ip", "link", "add", "br0", "address", "02:00:00:00:00:bb", "up", "type", "bridge")
	one := newVM(t, host, conf(t, limits(egressRate/2, egressRate), m{"bridge": "br0"}))
	host.Run("ADD", "net2", conf(t, limits(ingressRate, egressRate), m{"bridge": "br0"})).WantOK()
	two := host.StartVM("-tap", "net2", "-user", "64001", "-group", "64002", "-mac", "02:00:00:00:00:05", "-addr", other4+"/24")
	return one, two
}

// bridgedPod is a host with a bridge br0, and a namespace behind another of its ports.
func bridgedPod(t *testing.T) (*harness.Host, *netns.Netns) {
	t.Helper()
	host, other := harness.NewHost(t), harness.NewNetns(t)
	host.Exec("sh", "-ec", "ip link add br0 address 02:00:00:00:00:bb up type bridge; ip link add port up master br0 type veth peer name eth0 netns "+other.Path())
	out, err := other.Output("sh", "-ec", "ip link set eth0 address 02:00:00:00:00:05 up; ip addr add "+other4+"/24 dev eth0")
	if err != nil {
		t.Fatal(err, out)
	}
	return host, other
}

// A limit in one direction leaves the other one alone.
func TestBandwidthOneDirection(t *testing.T) {
	only := func(ingress, egress int) (harness.Flow, harness.Flow) { // to the guest, and from it
		host := harness.NewHost(t)
		vm := newVM(t, host, conf(t, hostLocal(), limits(ingress, egress)))
		return harness.Flow{From: host.Pod, To: vm.NS, Address: guest4}, harness.Flow{From: vm.NS, To: host.Pod, Address: pod4}
	}
	limitedIn, freeOut := only(ingressRate, 0)
	freeIn, limitedOut := only(0, egressRate)
	wantRates(t, []rated{{"ingress alone", limitedIn, ingressRate, 1500}, {"egress alone", limitedOut, egressRate, 1500}})
	for name, free := range map[string]harness.Flow{"egress beside a limited ingress": freeOut, "ingress beside a limited egress": freeIn} {
		got, err := free.Goodput(t.Context(), 200*time.Millisecond, time.Second)
		if err != nil || got < 5*ingressRate {
			t.Errorf("%s: %.0f Mbit/s, %v; want far more than %d", name, got/1e6, err, ingressRate/1_000_000)
		}
		t.Logf("%s: %.0f Mbit/s", name, got/1e6)
	}
}
