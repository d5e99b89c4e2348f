package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"tap/test/standin"
)

// path is a way to connect the pod's interface with a tap.
type path struct {
	name    string
	what    string // in the document
	connect func(*site) error
	mayLack bool   // not every kernel has it
	speaker string // the device by which the pod's own kernel speaks to the wire, while the guest has it
}

// paths are all of them; the first is what the others are compared with.
func paths(ctx context.Context, bin string) []path {
	return []path{
		{name: "tap", speaker: "eth0", what: "this plugin: `clsact`, classifier `bpf`, `bpf_redirect`; two programs on each device, of which one keeps the pod's kernel silent",
			connect: func(s *site) error { _, err := pluginOf(ctx, bin, s).Add(); return err }},
		{name: "cls_bpf", speaker: "eth0", what: "the same by hand, without the programs that keep it silent",
			connect: byHand(func(s *site) error { return s.program(classicAt(lastPriority), false) })},
		{name: "tcx, silent", speaker: "eth0", mayLack: true, what: "the plugin's four programs at the hooks of tcx, Linux 6.6 and later",
			connect: byHand(func(s *site) error { return s.program(tcx, true) })},
		{name: "tcx", speaker: "eth0", mayLack: true, what: "tcx, without the programs that keep it silent",
			connect: byHand(func(s *site) error { return s.program(tcx, false) })},
		{name: "u32 + mirred, silent", speaker: "eth0", mayLack: true, what: "`clsact`, `u32 match u8 0 0`, `mirred egress redirect`; what is sent passes if `u32 … indev` says that the other device received it, else it is redirected to a device that is down",
			connect: byHand(func(s *site) error {
				return errors.Join(s.clsact(), s.mirred("u32 match u8 0 0"), s.silence())
			})},
		{name: "u32 + mirred", speaker: "eth0", mayLack: true, what: "qdisc `ingress` and the first two filters of these",
			connect: byHand(func(s *site) error { return errors.Join(s.ingress(), s.mirred("u32 match u8 0 0")) })},
		{name: "matchall + mirred", speaker: "eth0", mayLack: true, what: "the same with the classifier `matchall`",
			connect: byHand(func(s *site) error { return errors.Join(s.ingress(), s.mirred("matchall")) })},
		{name: "bridge", speaker: "br0", what: "a bridge in the pod, whose ports are the interface and the tap; the interface then needs another MAC address, the pod other IP addresses",
			connect: byHand((*site).bridge)},
		{name: "tc-redirect-tap", speaker: "eth0", mayLack: true, what: "the plugin of that name, of July 2020; `u32 + mirred`, and the tap's root qdisc is the kernel's default",
			connect: func(s *site) error { _, err := otherPluginOf(ctx, bin, s).Add(); return err }},
	}
}

// byHand makes the tap as the plugin does, and connects it.
func byHand(connect func(*site) error) func(*site) error {
	return func(s *site) error {
		err := run(s.pod,
			fmt.Sprintf("ip tuntap add dev %s mode tap user %d group %d", tapName, owner, owner),
			"tc qdisc add dev "+tapName+" root noqueue",
			"ip link set "+tapName+" up")
		if err != nil {
			return err
		}
		return connect(s)
	}
}

func (s *site) ingress() error {
	return s.eachWay(func(from, _ string) string { return "tc qdisc add dev " + from + " ingress" })
}

func (s *site) mirred(classifier string) error {
	return s.eachWay(func(from, to string) string {
		return "tc filter add dev " + from + " ingress protocol all " + classifier + " action mirred egress redirect dev " + to
	})
}

// silence drops what is sent and was not received by the other device. The action that
// drops is not on every kernel; a device that is down drops as well.
func (s *site) silence() error {
	return errors.Join(
		run(s.pod, "ip tuntap add dev hole mode tap"),
		s.eachWay(func(from, to string) string {
			return "tc filter add dev " + from + " egress protocol all prio 1 u32 match u8 0 0 indev " + to + " classid 1:1"
		}),
		s.eachWay(func(from, _ string) string {
			return "tc filter add dev " + from + " egress protocol all prio 2 u32 match u8 0 0 action mirred egress redirect dev hole"
		}))
}

// eachWay runs a command for each of the two devices.
func (s *site) eachWay(command func(from, to string) string) error {
	return errors.Join(run(s.pod, command(tapName, "eth0")), run(s.pod, command("eth0", tapName)))
}

// bridge gives the MAC address of eth0 away: what a bridge's own port has, the bridge
// takes for its own.
func (s *site) bridge() error {
	return run(s.pod, "ip addr flush dev eth0", "ip link set eth0 address 02:00:00:00:77:07",
		"ip link add br0 type bridge", "ip link set br0 up", "ip addr add 10.77.0.3"+prefix+" dev br0",
		"ip link set eth0 master br0", "ip link set "+tapName+" master br0")
}

// pluginOf is this plugin's attachment.
func pluginOf(ctx context.Context, bin string, s *site) *standin.Attachment {
	conf := s.configuration("tap")
	conf["redirect"], conf["owner"], conf["group"] = true, owner, owner
	return &standin.Attachment{Context: ctx, Bin: bin, Node: s.node, Pod: s.pod, ID: "bench", Ifname: "eth0", Conf: conf}
}

// otherPluginOf is that of tc-redirect-tap.
func otherPluginOf(ctx context.Context, bin string, s *site) *standin.Attachment {
	return &standin.Attachment{
		Context: ctx, Bin: bin, Program: filepath.Join("reference", "tc-redirect-tap"), Node: s.node, Pod: s.pod, ID: "bench", Ifname: "eth0",
		Args: fmt.Sprintf("TC_REDIRECT_TAP_NAME=%s;TC_REDIRECT_TAP_UID=%d;TC_REDIRECT_TAP_GID=%d", tapName, owner, owner),
		Conf: s.configuration("tc-redirect-tap"),
	}
}

// configuration is that of a plugin after the one that made eth0.
func (s *site) configuration(kind string) map[string]any {
	return map[string]any{
		"cniVersion": "0.4.0", "name": "bench", "type": kind,
		"prevResult": map[string]any{
			"cniVersion": "0.4.0",
			"interfaces": []any{map[string]any{"name": "eth0", "mac": s.podMAC.String(), "sandbox": s.pod.Path()}},
			"ips":        []any{map[string]any{"version": "4", "address": podAddress + prefix, "gateway": nodeAddress, "interface": 0}},
		},
	}
}
