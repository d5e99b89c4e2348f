package feature

import (
	"slices"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

func TestSweepAttachmentTap(t *testing.T) {
	conf := &netconf.Config{
		Network: "vms", ContainerID: "0123abcd", IfName: "net1", Netns: "/run/netns/pod", Tap: netconf.Tap{Name: "net1"},
		PrevResult: &current.Result{Interfaces: []*current.Interface{{Name: "net1", Sandbox: "/run/netns/pod"}}},
	}
	unlisted := *conf
	unlisted.PrevResult = nil
	device := func(name, alias string) *netdev.Link {
		return &netdev.Link{Name: name, Alias: alias, Kind: "tun", Tun: &netdev.Tun{Tap: true, Persistent: true}}
	}
	inFlight := func(name, alias string) *netdev.Link {
		link := device(name, alias)
		link.Tun.Persistent = false
		return link
	}
	veth := device("net1", conf.Alias())
	veth.Kind, veth.Tun = "veth", nil
	tun := device("net1", conf.Alias())
	tun.Tun.Tap = false
	bareVeth := &netdev.Link{Name: "net1", Kind: "veth"}
	tests := []struct {
		name string
		conf *netconf.Config
		link *netdev.Link
		want bool
	}{
		{"our alias", conf, device("net1", "tap/vms/0123abcd/net1"), true},
		{"our alias without prevResult", &unlisted, device("net1", "tap/vms/0123abcd/net1"), true},
		{"our alias under another name", conf, device("renamed", "tap/vms/0123abcd/net1"), true},
		{"our alias with another tapName", conf, device("vm0", "tap/vms/0123abcd/net1/vm0"), true},
		{"our alias with redirect", conf, device("tap-net1", "tap/vms/0123abcd/net1/:redirect"), true},
		{"our alias, not persistent", conf, inFlight("net1", "tap/vms/0123abcd/net1"), true},
		{"another container's alias", conf, device("net1", "tap/vms/4567/net1"), false},
		{"another network's alias", conf, device("net1", "tap/other/0123abcd/net1"), false},
		{"another interface's alias", conf, device("net1", "tap/vms/0123abcd/net2"), false},
		{"longer alias", conf, device("net1", "tap/vms/0123abcd/net10"), false},
		{"alias with too many fields", conf, device("net1", "tap/vms/0123abcd/net1/a/b"), false},
		{"shorter alias", conf, device("net1", "tap/vms/0123abcd/net"), false},
		{"a person's alias", conf, device("net1", "uplink"), false},
		{"no alias, listed", conf, device("net1", ""), true},
		{"no alias, not listed", &unlisted, device("net1", ""), false},
		{"no alias, another name", conf, device("net2", ""), false},
		{"a veth with our alias", conf, veth, false},
		{"a veth without alias, listed", conf, bareVeth, false},
		{"a layer 3 tun with our alias", conf, tun, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := len(staleOf([]*netdev.Link{tt.link}, MatchAttachment(tt.conf))) == 1; got != tt.want {
				t.Errorf("deleted\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}

// Today's keys are hints only for devices without alias.
func TestSweepAttachmentIgnoresKeys(t *testing.T) {
	for _, conf := range []*netconf.Config{
		{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: netconf.Tap{Name: "net1"}},
		{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: netconf.Tap{Name: "vm9"}},
		{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: netconf.Tap{Redirect: true}},
	} {
		match := MatchAttachment(conf)
		for _, alias := range []string{"tap/vms/0123abcd/net1", "tap/vms/0123abcd/net1/vm0", "tap/vms/0123abcd/net1/:redirect"} {
			if !match.Tap(&netdev.Link{Name: "any", Alias: alias, Tun: &netdev.Tun{Tap: true}}) {
				t.Errorf("%+v: tap with the alias %s\nwant it to match\ngot  no match", conf.Tap, alias)
			}
			if name, egress := netconf.EgressName(alias), netconf.EgressAlias(alias); !match.Egress(name, egress) {
				t.Errorf("%+v: egress device %s with the alias %s\nwant it to match\ngot  no match", conf.Tap, name, egress)
			}
		}
	}
}

func TestSweepAttachmentFilter(t *testing.T) {
	match := MatchAttachment(&netconf.Config{Network: "vms", ContainerID: "0123abcd", IfName: "eth0"})
	for _, tt := range []struct {
		filter string
		want   bool
	}{
		{"tap/vms/0123abcd/eth0/:interface", true},
		{"tap/vms/0123abcd/eth0/:interface+clsact", true},
		{"tap/vms/0123abcd/eth1/:interface", false},
		{"tap/vms/4567/eth0/:interface+clsact", false},
		{"tap/other/0123abcd/eth0/:interface", false},
		{"tap/vms/0123abcd/eth0/:redirect", false}, // of the tap, with which it goes
		{"tap/vms/0123abcd/eth0", false},
		{"cil_from_container", false},
		{"", false},
	} {
		if got := match.Filter(tt.filter); got != tt.want {
			t.Errorf("filter %q\nwant %v\ngot  %v", tt.filter, tt.want, got)
		}
	}
}

// What DEL deletes, and in which order.
func TestStaleLinksOfAnAttachment(t *testing.T) {
	const ours, second, other = "tap/vms/0123abcd/net1", "tap/vms/0123abcd/net1/vm0", "tap/vms/4567/net1"
	conf := &netconf.Config{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: netconf.Tap{Name: "net1"}}
	tap := func(name, alias string) *netdev.Link {
		return &netdev.Link{Name: name, Alias: alias, Kind: "tun", Tun: &netdev.Tun{Tap: true, Persistent: true}}
	}
	egress := func(of string) *netdev.Link {
		return &netdev.Link{Name: netconf.EgressName(of), Alias: netconf.EgressAlias(of), Kind: "ifb"}
	}
	newborn := func(of string) *netdev.Link {
		link := egress(of)
		link.Alias = ""
		return link
	}
	as := func(link *netdev.Link, kind string) *netdev.Link {
		link.Kind, link.Tun = kind, nil
		return link
	}
	for _, tt := range []struct {
		name  string
		links []*netdev.Link
		want  []int // indexes into links
	}{
		{"nothing", nil, nil},
		{"tap", []*netdev.Link{tap("net1", ours)}, []int{0}},
		{"taps of both entries of a chain", []*netdev.Link{tap("net1", ours), tap("vm0", second)}, []int{0, 1}},
		{"limited: the tap goes first", []*netdev.Link{egress(ours), tap("net1", ours)}, []int{1, 0}},
		{"limited, both entries of a chain", []*netdev.Link{egress(ours), egress(second), tap("net1", ours), tap("vm0", second)}, []int{2, 3, 0, 1}},
		{"egress device without its tap", []*netdev.Link{egress(ours)}, []int{0}},
		{"egress device of another tapName without its tap", []*netdev.Link{egress(second)}, []int{0}},
		{"egress device without alias", []*netdev.Link{newborn(ours)}, []int{0}},
		{"egress device of another tapName without alias, with its tap", []*netdev.Link{newborn(second), tap("vm0", second)}, []int{1, 0}},
		{"egress device of another tapName without alias, alone", []*netdev.Link{newborn(second)}, nil}, // whose it is cannot be told
		{"another attachment", []*netdev.Link{tap("net1", other), egress(other), newborn(other)}, nil},
		{"between others", []*netdev.Link{egress(other), tap("net9", other), egress(ours), tap("net1", ours)}, []int{3, 2}},
		{"another kind with our alias", []*netdev.Link{as(tap("net1", ours), "veth"), as(egress(ours), "dummy")}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []*netdev.Link
			for _, i := range tt.want {
				want = append(want, tt.links[i])
			}
			if got := staleOf(tt.links, MatchAttachment(conf)); !slices.Equal(got, want) {
				t.Errorf("garbage\nwant %s\ngot  %s", linkTexts(want), linkTexts(got))
			}
		})
	}
}

// An operator, or a program that watches devices, may change the alias of an egress device.
func TestStaleLinksEgressWithChangedAlias(t *testing.T) {
	conf := &netconf.Config{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: netconf.Tap{Name: "net1"}}
	tap := &netdev.Link{Name: "net1", Alias: conf.Alias(), Kind: "tun", Tun: &netdev.Tun{Tap: true, Persistent: true}}
	egress := &netdev.Link{Name: netconf.EgressName(conf.Alias()), Alias: "monitored", Kind: egressKind}
	veth := &netdev.Link{Name: egress.Name, Alias: "monitored", Kind: "veth"}
	if got, want := staleOf([]*netdev.Link{egress, tap, veth}, MatchAttachment(conf)), []*netdev.Link{tap, egress}; !slices.Equal(got, want) {
		t.Errorf("staleLinks\nwant the tap and its ifb\ngot  %v", got)
	}
}
