package e2e

import (
	"maps"
	"testing"
	"time"

	"tap/test/harness"
	"tap/test/netns"
)

// The two ends of the wire to the pod, as another plugin would have made it: eth0 in the
// pod, and "wire" in the node.
const (
	podMAC, nodeMAC = "02:00:00:00:00:09", "02:00:00:00:00:01"
	wired4, wired6  = "10.7.0.2", "2001:db8:7::2" // the pod's
	node4, node6    = "10.7.0.1", "2001:db8:7::1"
)

// takeover is a host whose pod has an interface that a guest can take over.
type takeover struct {
	*harness.Host
	t      *testing.T
	before string
}

// newTakeover makes the wire by hand, where no other plugin is wanted.
func newTakeover(t *testing.T) *takeover {
	t.Helper()
	return newTakeoverOn(t, harness.NewHost(t))
}

func newTakeoverOn(t *testing.T, host *harness.Host) *takeover {
	t.Helper()
	harness.NeedRoot(t) // its programs are BPF
	h := &takeover{Host: host, t: t}
	h.wire("eth0")
	h.address("eth0")
	return h
}

// address gives both ends of the wire their addresses; name is the interface in the pod.
func (h *takeover) address(name string) {
	h.t.Helper()
	h.in(h.Node, "ip addr add "+node4+"/24 dev wire; ip addr add "+node6+"/64 dev wire nodad")
	h.sh("ip addr add " + wired4 + "/24 dev " + name + "; ip addr add " + wired6 + "/64 dev " + name + " nodad; ip route add default via " + node4)
	for _, local := range []struct {
		ns      *netns.Netns
		address string
	}{{h.Node, node6}, {h.Pod, wired6}} { // usable when the kernel has got round to it
		h.in(local.ns, "until ip -6 route show table local | grep -q '^local "+local.address+" '; do sleep 0.01; done")
	}
	h.before = h.look()
}

// wire makes an interface of that name in the pod, whose other end is "wire".
func (h *takeover) wire(name string) {
	h.t.Helper()
	h.in(h.Node, "ip link add wire address "+nodeMAC+" type veth peer name "+name+" address "+podMAC+" netns "+h.Pod.Path()+"; ip link set wire up")
	h.sh("ip link set lo up; ip link set " + name + " up")
}

// sh runs a script in the pod.
func (h *takeover) sh(script string) string {
	h.t.Helper()
	return h.in(h.Pod, script)
}

// in runs a script in a namespace.
func (h *takeover) in(ns *netns.Netns, script string) string {
	h.t.Helper()
	out, err := ns.Output("sh", "-ec", script)
	h.Must(err)
	return out
}

// look is what an attachment could have changed, filters included.
func (h *takeover) look() string {
	h.t.Helper()
	return h.Snapshot() + h.filters()
}

// filters returns the filters of all devices of the pod that have a qdisc for them, in the order of the devices.
func (h *takeover) filters() string {
	h.t.Helper()
	return "## filters\n" + h.sh(`tc qdisc | while read -r _ kind _ _ device _; do case $kind in clsact|ingress)
		echo "filter show dev $device ingress"; echo "filter show dev $device egress";; esac; done | tc -batch - 2>&1`)
}

// wantAsBefore fails unless everything is as it was before ADD.
func (h *takeover) wantAsBefore() {
	h.t.Helper()
	if after := h.look(); after != h.before {
		h.t.Errorf("something was left behind or taken away\nbefore:\n%s\nafter:\n%s", h.before, after)
	}
}

// handed is what the plugin before ours said of the wire.
func handed(keys ...m) m {
	all := m{
		"cniVersion": "1.1.0",
		"interfaces": []any{m{"name": "wire", "mac": nodeMAC}, m{"name": "eth0", "mac": podMAC, "sandbox": "$NETNS"}},
		"ips":        []any{m{"interface": 1, "address": wired4 + "/24", "gateway": node4}, m{"interface": 1, "address": wired6 + "/64"}},
		"routes":     []any{m{"dst": "0.0.0.0/0", "gw": node4}},
		"dns":        m{"nameservers": []any{"10.7.0.53"}, "domain": "pods.example"},
	}
	for _, k := range keys {
		maps.Copy(all, k)
	}
	return m{"prevResult": all}
}

// redirect is the configuration of a tap that takes eth0 over.
func redirect(t *testing.T, keys ...m) string {
	t.Helper()
	return conf(t, append([]m{{"redirect": true}, handed()}, keys...)...)
}

// add takes eth0 over.
func (h *takeover) add(keys ...m) harness.Got {
	h.t.Helper()
	return h.Run("ADD", "eth0", redirect(h.t, keys...))
}

// check is CHECK of what was added with these keys.
func (h *takeover) check(added harness.Got, keys ...m) harness.Got {
	h.t.Helper()
	return h.Run("CHECK", "eth0", h.WithPrev(redirect(h.t, keys...), added))
}

// del gives eth0 back.
func (h *takeover) del(keys ...m) harness.Got {
	h.t.Helper()
	return h.Run("DEL", "eth0", redirect(h.t, keys...))
}

// guest starts a guest that takes the pod's MAC and addresses.
func (h *takeover) guest(args ...string) *harness.VM {
	h.t.Helper()
	return h.StartVM(append([]string{"-tap", "tap-eth0", "-user", "64001", "-group", "64002", "-mac", podMAC,
		"-addr", wired4 + "/24", "-addr", wired6 + "/64", "-gateway", node4, "-gateway", node6}, args...)...)
}

// answers says whether the node gets an answer from an address in a short time.
func (h *takeover) answers(address string) bool {
	h.t.Helper()
	_, err := h.Node.Output("ping", "-n", "-q", "-c", "1", "-W", "0.5", address)
	return err == nil
}

// wantAnswers fails unless the node gets answers from both of the pod's addresses, or from none.
func (h *takeover) wantAnswers(want bool) {
	h.t.Helper()
	h.wantAnswer(wired4, want)
	h.wantAnswer(wired6, want)
}

// wantAnswer waits for one that is wanted: a guest that has just come up may lose the first frames.
func (h *takeover) wantAnswer(address string, want bool) {
	h.t.Helper()
	answers := h.answers(address)
	for deadline := time.Now().Add(10 * time.Second); want && !answers && time.Now().Before(deadline); {
		answers = h.answers(address)
	}
	if answers != want {
		h.t.Errorf("%s answers: %v, want %v", address, answers, want)
	}
}
