package feature

import (
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

func TestIsOurs(t *testing.T) {
	conf := &netconf.Config{
		Network: "vms", ContainerID: "0123abcd", IfName: "net1", Netns: "/run/netns/pod", Tap: netconf.Tap{Name: "net1"},
		PrevResult: &current.Result{Interfaces: []*current.Interface{{Name: "net1", Sandbox: "/run/netns/pod"}}},
	}
	unlisted := *conf
	unlisted.PrevResult = nil
	device := func(name, alias string) *netdev.Link {
		return &netdev.Link{Name: name, Alias: alias, Kind: "tun", Tun: &netdev.Tun{Tap: true, Persistent: true}}
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
		{"another container's alias", conf, device("net1", "tap/vms/4567/net1"), false},
		{"another network's alias", conf, device("net1", "tap/other/0123abcd/net1"), false},
		{"another interface's alias", conf, device("net1", "tap/vms/0123abcd/net2"), false},
		{"longer alias", conf, device("net1", "tap/vms/0123abcd/net10"), false},
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
			if got := tt.link.IsTap() && MatchAttachment(tt.conf).Tap(tt.link); got != tt.want {
				t.Errorf("isOurs\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}
