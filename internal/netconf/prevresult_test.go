package netconf

import (
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
)

func TestPrevResultIndex(t *testing.T) {
	entry := func(name, sandbox string) *current.Interface { return &current.Interface{Name: name, Sandbox: sandbox} }
	const pod = "/run/netns/pod"
	tests := []struct {
		name       string
		interfaces []*current.Interface
		want       int
	}{
		{"no interfaces", nil, -1},
		{"only entry", []*current.Interface{entry("net1", pod)}, 0},
		{"after others", []*current.Interface{entry("veth0", ""), entry("eth0", pod), entry("net1", pod)}, 2},
		{"before others", []*current.Interface{entry("net1", pod), entry("eth0", pod)}, 0},
		{"two matching entries", []*current.Interface{entry("net1", pod), entry("eth0", pod), entry("net1", pod)}, 2},
		{"same name on the host", []*current.Interface{entry("net1", "")}, -1},
		{"same name in another namespace", []*current.Interface{entry("net1", "/run/netns/other")}, -1},
		{"longer name", []*current.Interface{entry("net10", pod)}, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf := &Config{Tap: Tap{Name: "net1"}, Netns: pod, PrevResult: &current.Result{Interfaces: tt.interfaces}}
			if got := conf.PrevResultIndex("net1"); got != tt.want {
				t.Errorf("PrevResultIndex\nwant %d\ngot  %d", tt.want, got)
			}
		})
	}
}

func TestPrevResultIndexWithoutPrevResult(t *testing.T) {
	if got := (&Config{}).PrevResultIndex("net1"); got != -1 {
		t.Errorf("PrevResultIndex\nwant -1\ngot  %d", got)
	}
}
