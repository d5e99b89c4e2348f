package plugin

import (
	"errors"
	"os"
	"strings"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/tuntap"
)

func TestOnlyOurs(t *testing.T) {
	restricted := netconf.Tap{MultiQueue: true, Owner: ptr(uint32(1000))}
	fresh := func(change func(*netdev.Tun)) *netdev.Link {
		tun := &netdev.Tun{Tap: true, MultiQueue: true, Queues: 1, Owner: ptr(uint32(1000))}
		change(tun)
		return &netdev.Link{Name: "net1", Kind: "tun", Tun: tun}
	}
	tests := []struct {
		name  string
		asked netconf.Tap
		link  *netdev.Link
		want  error
	}{
		{"ours alone", restricted, fresh(func(*netdev.Tun) {}), nil},
		{"a second queue", restricted, fresh(func(tun *netdev.Tun) { tun.Queues = 2 }), errIntruder},
		{"a second queue, disabled", restricted, fresh(func(tun *netdev.Tun) { tun.Disabled = 1 }), errIntruder},
		{"ours was disabled for another", restricted, fresh(func(tun *netdev.Tun) { tun.Queues, tun.Disabled = 0, 1 }), errIntruder},
		{"made persistent", restricted, fresh(func(tun *netdev.Tun) { tun.Persistent = true }), errIntruder},
		{"another owner", restricted, fresh(func(tun *netdev.Tun) { tun.Owner = ptr(uint32(0)) }), errIntruder},
		{"no owner any more", restricted, fresh(func(tun *netdev.Tun) { tun.Owner = nil }), errIntruder},
		{"a group that nobody asked for", restricted, fresh(func(tun *netdev.Tun) { tun.Group = ptr(uint32(0)) }), errIntruder},
		{"restricted to a group, second queue", netconf.Tap{MultiQueue: true, Group: ptr(uint32(36))},
			fresh(func(tun *netdev.Tun) { tun.Owner, tun.Group, tun.Queues = nil, ptr(uint32(36)), 2 }), errIntruder},
		{"restricted to a group, ours alone", netconf.Tap{MultiQueue: true, Group: ptr(uint32(36))},
			fresh(func(tun *netdev.Tun) { tun.Owner, tun.Group = nil, ptr(uint32(36)) }), nil},
		{"open to everybody", netconf.Tap{MultiQueue: true}, fresh(func(tun *netdev.Tun) { tun.Owner, tun.Queues = nil, 2 }), nil},
		{"a single queue, of which the kernel tells no number", netconf.Tap{Owner: ptr(uint32(1000))}, fresh(func(tun *netdev.Tun) { tun.MultiQueue, tun.Queues = false, 0 }), nil},
		{"a veth", restricted, &netdev.Link{Name: "net1", Kind: "veth"}, errDevice},
		{"a layer 3 tun", restricted, fresh(func(tun *netdev.Tun) { tun.Tap = false }), errDevice},
		{"a veth, open to everybody", netconf.Tap{}, &netdev.Link{Name: "net1", Kind: "veth"}, errDevice},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			device := &tap{conf: &netconf.Config{IfName: "net1", Tap: tt.asked}, link: tt.link}
			if got := device.onlyOurs(); !errors.Is(got, tt.want) {
				t.Errorf("onlyOurs\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}

func TestOnlyOursTellsWhatItFound(t *testing.T) {
	device := &tap{
		conf: &netconf.Config{IfName: "net1", Tap: netconf.Tap{MultiQueue: true, Owner: ptr(uint32(1000))}},
		link: &netdev.Link{Name: "net1", Tun: &netdev.Tun{Tap: true, Queues: 2, Disabled: 1, Owner: ptr(uint32(0))}},
	}
	err := device.onlyOurs()
	if want := "3 queues instead of 1, owner 0, group none"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("onlyOurs\nwant %s\ngot  %v", want, err)
	}
}

func TestCommitAfterASignalLeavesTheDeviceUncommitted(t *testing.T) {
	signals := newSignals()
	signals.caught = true
	signals.end(errors.New("terminated"))

	err := (&tap{}).commit(signals, []byte("{}"), Stream(-1)) // without file: committing it panics

	if !errors.Is(err, errInterrupted) || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("commit\nwant %v: terminated\ngot  %v", errInterrupted, err)
	}
}

func TestDeleteUnseenWithoutADeviceAsksNobody(t *testing.T) {
	null, err := os.Open(os.DevNull) // no device is attached to it
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	device := &tap{conf: &netconf.Config{Tap: netconf.Tap{Name: "net1"}}, file: tuntap.Inherited(int(null.Fd()))} // without connection: asking panics
	if err := device.deleteUnseen(); err != nil {
		t.Errorf("deleteUnseen\nwant no error\ngot  %v", err)
	}
}

func TestFindBridgeOfNoNameAsksNobody(t *testing.T) {
	link, err := findBridge(nil, netconf.Tap{})
	if link != nil || err != nil {
		t.Errorf("findBridge\nwant nil, no error\ngot  %v, %v", link, err)
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
				t.Errorf("sameID(%s, %s)\nwant %v\ngot  %v", idText(tt.a), idText(tt.b), tt.want, got)
			}
		})
	}
}
