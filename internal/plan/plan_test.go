package plan

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"tap/internal/bpf"
	"tap/internal/cni"
	"tap/internal/netdev"
)

var (
	limit = Need{Key: "bandwidth, egress", Kind: cni.Kind{Code: cni.CodeBandwidth, Advice: "limit"}}
	wire  = Need{Key: "redirect", Kind: cni.Kind{Code: cni.CodeRedirect, Advice: "wire"}}
)

func ptr[T any](v T) *T { return &v }

func TestNewHasATap(t *testing.T) {
	want := New()
	if len(want.Devices) != 1 || want.Devices[Tap] == nil {
		t.Errorf("New\nwant the tap alone\ngot  %v", want.Devices)
	}
	egress := want.Device(Egress)
	egress.Name = "ifb0"
	if want.Device(Egress) != egress || len(want.Devices) != 2 {
		t.Errorf("Device\nwant the device of before\ngot  %+v", want.Device(Egress))
	}
}

func TestShared(t *testing.T) {
	id := ptr(uint32(0))
	for _, tt := range []struct {
		name   string
		device Device
		want   bool
	}{
		{"single queue", Device{Owner: id, Group: id}, false},
		{"multi-queue without owner and group", Device{MultiQueue: true}, false},
		{"multi-queue with owner", Device{MultiQueue: true, Owner: id}, true},
		{"multi-queue with group", Device{MultiQueue: true, Group: id}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.device.Exposed(); got != tt.want {
				t.Errorf("Shared\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}

func TestSetRoot(t *testing.T) {
	byDefault := Root{NoQueue: true, Default: true}
	slow, fast := Root{Limit: netdev.Limit{Rate: 1, Burst: 1}}, Root{Limit: netdev.Limit{Rate: 2, Burst: 1}}
	type ask struct {
		root Root
		by   Need
	}
	for _, tt := range []struct {
		name string
		asks []ask
		want Root
		by   Need
		err  string // of the last one
	}{
		{"nothing", nil, Root{}, Need{}, ""},
		{"one", []ask{{slow, limit}}, slow, limit, ""},
		{"default alone", []ask{{byDefault, wire}}, byDefault, wire, ""},
		{"default before another", []ask{{byDefault, wire}, {slow, limit}}, slow, limit, ""},
		{"default behind another", []ask{{slow, limit}, {byDefault, wire}}, slow, limit, ""},
		{"equal ones", []ask{{slow, limit}, {slow, wire}}, slow, wire, ""},
		{"different ones", []ask{{slow, limit}, {fast, wire}}, slow, limit, "bandwidth, egress and redirect both need the root qdisc of one device"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tc TC
			var err error
			for _, a := range tt.asks {
				err = tc.SetRoot(a.root, a.by)
			}
			if tc.Root != tt.want || tc.RootBy != tt.by {
				t.Errorf("root qdisc\nwant %+v for %s\ngot  %+v for %s", tt.want, tt.by.Key, tc.Root, tc.RootBy.Key)
			}
			if got := errorText(err); got != tt.err {
				t.Errorf("error\nwant %q\ngot  %q", tt.err, got)
			}
		})
	}
}

func TestSetRootOfAnotherProgramIsRefused(t *testing.T) {
	tc := TC{ForeignRoot: "pfifo"}
	err := tc.SetRoot(Root{Limit: netdev.Limit{Rate: 1}}, limit)
	if !errors.Is(err, ErrForeignRoot) || !strings.Contains(err.Error(), "root qdisc: pfifo") || tc.Root != (Root{}) {
		t.Errorf("SetRoot\nwant %v, and no root qdisc\ngot  %v, %+v", ErrForeignRoot, err, tc.Root)
	}
}

// The qdiscs ingress and clsact exclude each other.
func TestMirrorExcludesHooks(t *testing.T) {
	const want = "both need the ingress of one device"
	var mirrorFirst, hooksFirst TC
	if err := mirrorFirst.SetMirror(Egress, limit); err != nil {
		t.Fatal(err)
	}
	if mirrorFirst.Mirror != Egress || mirrorFirst.MirrorBy != limit {
		t.Errorf("mirror\nwant to the egress device for %s\ngot  %d for %s", limit.Key, mirrorFirst.Mirror, mirrorFirst.MirrorBy.Key)
	}
	if err := mirrorFirst.AddHooks(Hook{By: wire}); !strings.Contains(errorText(err), want) || cni.Render(err).Code != cni.CodeRedirect || len(mirrorFirst.Hooks) != 0 {
		t.Errorf("AddHooks after SetMirror\nwant an error of code %d, …%s\ngot  %v, %d hooks", cni.CodeRedirect, want, err, len(mirrorFirst.Hooks))
	}
	if err := hooksFirst.AddHooks(Hook{Name: "a", By: wire}, Hook{Name: "b", By: wire}); err != nil {
		t.Fatal(err)
	}
	if err := hooksFirst.AddHooks(Hook{Name: "c", By: limit}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, hook := range hooksFirst.Hooks {
		names = append(names, hook.Name)
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("hooks\nwant a, b, c\ngot  %q", names)
	}
	if err := hooksFirst.SetMirror(Egress, limit); !strings.Contains(errorText(err), want) || cni.Render(err).Code != cni.CodeBandwidth || hooksFirst.Mirror != None {
		t.Errorf("SetMirror after AddHooks\nwant an error of code %d, …%s\ngot  %v", cni.CodeBandwidth, want, err)
	}
}

func TestRecorded(t *testing.T) {
	planned := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	for _, tt := range []struct {
		name, mac string
		mtu       int
		wantMAC   string
		wantMTU   int
	}{
		{"nothing recorded", "", 0, "02:00:00:00:00:01", 1400},
		{"recorded", "02:00:00:00:00:AB", 1300, "02:00:00:00:00:ab", 1300},
		{"unreadable MAC", "x", 0, "02:00:00:00:00:01", 1400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Device{Settings: netdev.Settings{MAC: planned, MTU: 1400}}
			d.UseRecorded(tt.mac, tt.mtu)
			if d.MAC.String() != tt.wantMAC || d.MTU != tt.wantMTU {
				t.Errorf("Recorded\nwant %s, %d\ngot  %s, %d", tt.wantMAC, tt.wantMTU, d.MAC, d.MTU)
			}
		})
	}
}

func TestDifferenceString(t *testing.T) {
	for _, tt := range []struct {
		difference Difference
		want       string
	}{
		{Difference{What: "MTU", Expected: "1400", Found: "1300"}, "MTU: expected 1400, found 1300"},
		{Difference{Expected: "a device", Found: "none"}, ": expected a device, found none"},
	} {
		if got := tt.difference.String(); got != tt.want {
			t.Errorf("String\nwant %s\ngot  %s", tt.want, got)
		}
	}
}

func TestMember(t *testing.T) {
	list := []netdev.VLANRange{native(1), {First: 100, Last: 102}}
	for vlan, want := range map[int]bool{0: false, 1: true, 2: false, 99: false, 100: true, 101: true, 102: true, 103: false, 4094: false} {
		if got := Member(list, vlan); got != want {
			t.Errorf("Member(%d)\nwant %v\ngot  %v", vlan, want, got)
		}
	}
}

// everySetting is a device with each setting, and the link that has them all.
func everySetting() (*Device, *netdev.Link) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	want := &Device{Name: "net1", Settings: netdev.Settings{
		Alias: "tap/vms/0123abcd/net1", MTU: 1400, MAC: mac, TxQueueLen: 500, Master: 3, Promisc: true, AllMulti: true,
	}}
	return want, &netdev.Link{
		Name: "net1", Alias: "tap/vms/0123abcd/net1", MTU: 1400, MAC: mac, TxQueueLen: 500, Master: 3, Promisc: true, AllMulti: true, Up: true,
	}
}

// missing takes each setting from a link, in the order in which the kernel applies them.
var missing = []struct {
	key  string
	mild bool
	want string // the difference
	text string // Unapplied
	take func(*netdev.Link)
}{
	{"mac", false, "MAC: expected 02:00:00:00:00:01, found 02:00:00:00:00:09", "mac 02:00:00:00:00:01", func(l *netdev.Link) { l.MAC = net.HardwareAddr{2, 0, 0, 0, 0, 9} }},
	{"mtu", true, "MTU: expected 1400, found 1500", "mtu 1400", func(l *netdev.Link) { l.MTU = 1500 }},
	{"alias", false, "alias: expected tap/vms/0123abcd/net1, found ", "alias tap/vms/0123abcd/net1", func(l *netdev.Link) { l.Alias = "" }},
	{"promiscMode", false, "promiscMode: expected true, found false", "promiscMode true", func(l *netdev.Link) { l.Promisc = false }},
	{"allmulti", false, "allmulti: expected true, found false", "allmulti true", func(l *netdev.Link) { l.AllMulti = false }},
	{"master", false, "master: expected 3, found 0", "master 3", func(l *netdev.Link) { l.Master = 0 }},
	{"txQueueLen", true, "txQueueLen: expected 500, found 1000", "txQueueLen 500", func(l *netdev.Link) { l.TxQueueLen = 1000 }},
}

func TestSettings(t *testing.T) {
	want, link := everySetting()
	if d := Settings(want, link); len(d) != 0 {
		t.Errorf("Settings of a device that has all\nwant no difference\ngot  %q", d)
	}
	for _, m := range missing {
		t.Run(m.key, func(t *testing.T) {
			want, link := everySetting()
			m.take(link)
			d := Settings(want, link)
			if len(d) != 1 || d[0].String() != m.want || d[0].Key != m.key || d[0].Tolerated != m.mild {
				t.Errorf("Settings\nwant %s (key %s, mild: %v)\ngot  %+v", m.want, m.key, m.mild, d)
			}
		})
	}
}

func TestSettingsNotRequestedAreNotCompared(t *testing.T) {
	_, link := everySetting()
	if d := Settings(&Device{}, link); len(d) != 0 {
		t.Errorf("Settings\nwant no difference\ngot  %q", d)
	}
}

func TestSettingsMTUOfAnotherDevice(t *testing.T) {
	want, link := everySetting()
	want.MTUFrom, link.MTU = "eth0", 1500
	d := Settings(want, link)
	if len(d) != 1 || d[0].String() != `MTU (must equal the MTU of "eth0"): expected 1400, found 1500` || d[0].Tolerated {
		t.Errorf("Settings\nwant an error that names eth0\ngot  %+v", d)
	}
}

func TestUnappliedNamesTheFirstSetting(t *testing.T) {
	for i, m := range missing {
		t.Run(m.key, func(t *testing.T) {
			want, link := everySetting()
			for _, later := range missing[i:] { // the kernel stops at the first that it refuses
				later.take(link)
			}
			if got := Unapplied(want, link); got != m.text {
				t.Errorf("Unapplied\nwant %s\ngot  %s", m.text, got)
			}
		})
	}
}

func TestUnappliedLast(t *testing.T) {
	want, link := everySetting()
	if got := Unapplied(want, link); got != "net.ipv4.conf.net1 and IPv6 addr_gen_mode" {
		t.Errorf("Unapplied of a device that has all settings\nwant net.ipv4.conf.net1 and IPv6 addr_gen_mode\ngot  %s", got)
	}
}

// tapAsPlanned returns a plan of a tap with hooks, and the tap as the kernel has it.
func tapAsPlanned() (*Desired, *Observed) {
	want := New()
	tap := want.Device(Tap)
	tap.Name, tap.Alias = "net1", "tap/vms/0123abcd/net1"
	tap.TC.Hooks = []Hook{{At: netdev.EgressHook, Name: "a", IsOwn: func(name string) bool { return name == "a" }, Device: Tap, Tag: bpf.Tag{1}}}
	return want, &Observed{Devices: map[Role]*State{Tap: {
		Link: &netdev.Link{
			Index: 7, Name: "net1", Alias: "tap/vms/0123abcd/net1", Kind: "tun", Up: true, Tun: &netdev.Tun{Tap: true, Persistent: true},
		},
		Filters: []netdev.Filter{{Hook: netdev.EgressHook, Name: "a", Tag: [8]byte{1}}},
	}}}
}

// The settings and filters of every feature are compared in package feature (TestCompare,
// TestCompareShaping, TestCompareRedirect); this test is about which device is compared.
func TestDiff(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Desired, *Observed)
		want   []string
	}{
		{"as planned", func(*Desired, *Observed) {}, nil},
		{"no device", func(_ *Desired, seen *Observed) { seen.Devices = nil }, []string{`missing device with alias "tap/vms/0123abcd/net1"`}},
		{"another device of the name", func(_ *Desired, seen *Observed) {
			seen.Devices, seen.Namesake = nil, &netdev.Link{Name: "net1", Kind: "dummy", Alias: "x"}
		}, []string{`alias: expected "tap/vms/0123abcd/net1", found "x" on a device of kind "dummy"`}},
		{"another kind of device", func(_ *Desired, seen *Observed) { seen.Devices[Tap].Kind, seen.Devices[Tap].Tun = "veth", nil },
			[]string{`kind: expected a tap, found "veth"`}},
		{"filter of another hook", func(_ *Desired, seen *Observed) { seen.Devices[Tap].Filters[0].Hook = netdev.IngressHook },
			[]string{`missing egress filter of "net1"`}},
		{"filter with another program", func(_ *Desired, seen *Observed) { seen.Devices[Tap].Filters[0].Tag = [8]byte{2} },
			[]string{`egress filter of "net1", BPF program: expected 0100000000000000, found 0200000000000000`}},
		{"no device beside the tap", func(want *Desired, _ *Observed) {
			egress := want.Device(Egress)
			egress.Name, egress.Kind, egress.By = "ifb0", "ifb", Need{Key: "bandwidth, egress"}
		}, []string{"missing ifb \"ifb0\" (bandwidth, egress)"}},
		{"no bridge", func(want *Desired, _ *Observed) { want.Device(Tap).MasterName = "br0" }, []string{"missing bridge \"br0\""}},
		{"not a port of the bridge", func(want *Desired, _ *Observed) {
			want.Device(Tap).MasterName, want.Master = "br0", &netdev.Link{Index: 3, Name: "br0"}
		}, []string{`bridge: expected "br0", found ""`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want, seen := tapAsPlanned()
			tt.change(want, seen)
			var got []string
			for _, d := range Diff(want, seen) {
				got = append(got, d.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("Diff\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
