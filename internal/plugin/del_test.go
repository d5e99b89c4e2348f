package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
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
			if got := isOurs(tt.conf, tt.link); got != tt.want {
				t.Errorf("isOurs\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}

func TestOwnInterface(t *testing.T) {
	entry := func(name, sandbox string) *current.Interface { return &current.Interface{Name: name, Sandbox: sandbox} }
	const pod = "/run/netns/pod"
	tests := []struct {
		name       string
		interfaces []*current.Interface
		want       int
	}{
		{"none", nil, -1},
		{"ours alone", []*current.Interface{entry("net1", pod)}, 0},
		{"behind others", []*current.Interface{entry("veth0", ""), entry("eth0", pod), entry("net1", pod)}, 2},
		{"before others", []*current.Interface{entry("net1", pod), entry("eth0", pod)}, 0},
		{"the last one counts", []*current.Interface{entry("net1", pod), entry("eth0", pod), entry("net1", pod)}, 2},
		{"same name on the host", []*current.Interface{entry("net1", "")}, -1},
		{"same name in another namespace", []*current.Interface{entry("net1", "/run/netns/other")}, -1},
		{"another name", []*current.Interface{entry("net10", pod)}, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf := &netconf.Config{Tap: netconf.Tap{Name: "net1"}, Netns: pod, PrevResult: &current.Result{Interfaces: tt.interfaces}}
			if got := ownInterface(conf); got != tt.want {
				t.Errorf("ownInterface\nwant %d\ngot  %d", tt.want, got)
			}
		})
	}
}

func TestOwnInterfaceWithoutPrevResult(t *testing.T) {
	if got := ownInterface(&netconf.Config{Tap: netconf.Tap{Name: "net1"}}); got != -1 {
		t.Errorf("ownInterface\nwant -1\ngot  %d", got)
	}
}

func TestNoSandbox(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"there", nil, false},
		{"no such path", fs.ErrNotExist, true},
		{"no such path, as an errno", syscall.ENOENT, true},
		{"below a file", syscall.ENOTDIR, true},
		{"plain file", netns.ErrNotNamespace, true},
		{"links in a circle", syscall.ELOOP, true},
		{"a socket", syscall.ENXIO, true},
		{"our own", netns.ErrOwn, false},
		{"forbidden", syscall.EACCES, false},
		{"too many files", syscall.EMFILE, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.err
			if err != nil {
				err = fmt.Errorf("open: %w", errors.Join(errNetns, err))
			}
			if got := noSandbox(err); got != tt.want {
				t.Errorf("noSandbox(%v)\nwant %v\ngot  %v", err, tt.want, got)
			}
		})
	}
}
