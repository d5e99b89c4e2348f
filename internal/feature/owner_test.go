package feature

import (
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
	"tap/internal/netdev"
	"tap/internal/plan"
)

func codeOf(e *types.Error) uint {
	if e == nil {
		return 0
	}
	return e.Code
}

func TestCheckExclusive(t *testing.T) {
	restricted := plan.Device{MultiQueue: true, Owner: ptr(uint32(1000))}
	fresh := func(change func(*netdev.Tun)) *netdev.Link {
		tun := &netdev.Tun{Tap: true, MultiQueue: true, Queues: 1, Owner: ptr(uint32(1000))}
		change(tun)
		return &netdev.Link{Name: "net1", Kind: "tun", Tun: tun}
	}
	tests := []struct {
		name  string
		asked plan.Device
		link  *netdev.Link
		want  uint
	}{
		{"ours alone", restricted, fresh(func(*netdev.Tun) {}), 0},
		{"a second queue", restricted, fresh(func(tun *netdev.Tun) { tun.Queues = 2 }), 11},
		{"a second queue, disabled", restricted, fresh(func(tun *netdev.Tun) { tun.Disabled = 1 }), 11},
		{"ours was disabled for another", restricted, fresh(func(tun *netdev.Tun) { tun.Queues, tun.Disabled = 0, 1 }), 11},
		{"made persistent", restricted, fresh(func(tun *netdev.Tun) { tun.Persistent = true }), 11},
		{"another owner", restricted, fresh(func(tun *netdev.Tun) { tun.Owner = ptr(uint32(0)) }), 11},
		{"no owner any more", restricted, fresh(func(tun *netdev.Tun) { tun.Owner = nil }), 11},
		{"a group that nobody asked for", restricted, fresh(func(tun *netdev.Tun) { tun.Group = ptr(uint32(0)) }), 11},
		{"restricted to a group, second queue", plan.Device{MultiQueue: true, Group: ptr(uint32(36))},
			fresh(func(tun *netdev.Tun) { tun.Owner, tun.Group, tun.Queues = nil, ptr(uint32(36)), 2 }), 11},
		{"restricted to a group, ours alone", plan.Device{MultiQueue: true, Group: ptr(uint32(36))},
			fresh(func(tun *netdev.Tun) { tun.Owner, tun.Group = nil, ptr(uint32(36)) }), 0},
		{"open to everybody", plan.Device{MultiQueue: true}, fresh(func(tun *netdev.Tun) { tun.Owner, tun.Queues = nil, 2 }), 0},
		{"a single queue, of which the kernel tells no number", plan.Device{Owner: ptr(uint32(1000))}, fresh(func(tun *netdev.Tun) { tun.MultiQueue, tun.Queues = false, 0 }), 0},
		{"a veth", restricted, &netdev.Link{Name: "net1", Kind: "veth"}, cni.CodeDevice},
		{"a layer 3 tun", restricted, fresh(func(tun *netdev.Tun) { tun.Tap = false }), cni.CodeDevice},
		{"a veth, open to everybody", plan.Device{}, &netdev.Link{Name: "net1", Kind: "veth"}, cni.CodeDevice},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := cni.Render(checkExclusive(&tt.asked, tt.link))
			if code := codeOf(got); code != tt.want {
				t.Errorf("checkExclusive\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}

func TestCheckExclusiveNamesWhatItFound(t *testing.T) {
	err := checkExclusive(&plan.Device{MultiQueue: true, Owner: ptr(uint32(1000))},
		&netdev.Link{Name: "net1", Tun: &netdev.Tun{Tap: true, Queues: 2, Disabled: 1, Owner: ptr(uint32(0))}})
	if want := "3 queues instead of 1, owner 0, group none"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("checkExclusive\nwant %s\ngot  %v", want, err)
	}
}

func TestSameID(t *testing.T) {
	tests := []struct {
		name string
		a, b *uint32
		want bool
	}{
		{"none and none", nil, nil, true},
		{"equal", ptr(uint32(5)), ptr(uint32(5)), true},
		{"root and none", ptr(uint32(0)), nil, false},
		{"none and root", nil, ptr(uint32(0)), false},
		{"different", ptr(uint32(5)), ptr(uint32(6)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sameID(tt.a, tt.b); got != tt.want {
				t.Errorf("sameID(%s, %s)\nwant %v\ngot  %v", plan.IDText(tt.a), plan.IDText(tt.b), tt.want, got)
			}
		})
	}
}

func TestRandomMAC(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		mac, err := randomMAC()
		if err != nil {
			t.Fatal(err)
		}
		if len(mac) != 6 || mac[0]&1 != 0 || mac[0]&2 == 0 {
			t.Errorf("randomMAC\nwant 6 bytes, unicast and locally administered\ngot  %s", mac)
		}
		seen[mac.String()] = true
	}
	if len(seen) < 100 {
		t.Errorf("randomMAC\nwant 100 different addresses\ngot  %d", len(seen))
	}
}
