package hostile

import (
	"fmt"

	"tap/test/harness"
	"tap/test/netns"
)

// The two ends of the wire to the pod: eth0 in the pod, and "wire" in the node.
const (
	nodeMAC, podMAC = "02:00:00:00:00:01", "02:00:00:00:00:09"
	node4, pod4     = "10.7.0.1", "10.7.0.2"
	node6, pod6     = "2001:db8:7::1", "2001:db8:7::2"
)

// wire makes eth0 in the pod, as another plugin would have made it, with a default route by the node.
func (p *pod) wire() {
	p.t.Helper()
	const noDAD = "for setting in dad_transmits router_solicitation_delay; do echo 0 >/proc/sys/net/ipv6/conf/%s/$setting; done; "
	in := func(ns *netns.Netns, script string) {
		p.t.Helper()
		_, err := ns.Output("sh", "-ec", script)
		p.Must(err)
	}
	in(p.Node, "ip link add wire address "+nodeMAC+" type veth peer name eth0 address "+podMAC+" netns "+p.Pod.Path()+
		"; "+fmt.Sprintf(noDAD, "wire")+"ip link set wire up; ip addr add "+node4+"/24 dev wire; ip addr add "+node6+"/64 dev wire nodad")
	in(p.Pod, fmt.Sprintf(noDAD, "eth0")+"ip link set lo up; ip link set eth0 up; ip addr add "+pod4+"/24 dev eth0; ip addr add "+pod6+"/64 dev eth0 nodad"+
		"; ip route add default via "+node4+"; ip route add default via "+node6)
	for device, ns := range map[string]*netns.Netns{"wire": p.Node, "eth0": p.Pod} { // the link-local address is usable a moment after
		in(ns, "while ip -6 addr show dev "+device+" tentative | grep -q . || ! ip -6 addr show dev "+device+" | grep -q fe80; do sleep 0.01; done")
	}
}

// redirect is the configuration of a tap that takes over eth0.
func (p *pod) redirect(keys ...m) string {
	p.t.Helper()
	harness.NeedRoot(p.t) // its programs are BPF
	prev := m{"prevResult": m{
		"cniVersion": "1.1.0",
		"interfaces": []any{m{"name": "wire", "mac": nodeMAC}, m{"name": "eth0", "mac": podMAC, "sandbox": "$NETNS"}},
		"ips":        []any{m{"interface": 1, "address": pod4 + "/24", "gateway": node4}},
	}}
	return conf(p.t, append([]m{{"redirect": true}, prev}, keys...)...)
}
