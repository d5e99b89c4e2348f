package feature

import (
	"net"
	"slices"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

// redirecting returns an attachment with redirect, its plan, and what CHECK sees of it if
// nothing has changed since ADD.
func redirecting(t *testing.T, bandwidth netconf.Bandwidth) (*Attachment, *plan.Observed) {
	t.Helper()
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 9}
	iface := &netdev.Link{Index: 5, Name: "eth0", Kind: "veth", Ethernet: true, Up: true, MAC: mac, MTU: 1450}
	a := redirected(bandwidth)
	a.Conf.PrevResult = &current.Result{Interfaces: []*current.Interface{
		{Name: "eth0", Mac: mac.String(), Mtu: 1450, Sandbox: "/run/netns/pod"},
		{Name: "tap-eth0", Mac: "02:00:00:00:00:01", Mtu: 1450, Sandbox: "/run/netns/pod"},
		{Name: "tap-eth0", Mac: mac.String(), Mtu: 1450, Sandbox: "0123abcd"}, // the guest's
	}}
	a.features = []Feature{newBase(), {Plan: (&redirect{iface: iface}).plan}, newBandwidth()}
	if err := a.run(planStep); err != nil {
		t.Fatal(err)
	}
	filters := func(name string) []netdev.Filter {
		return []netdev.Filter{{Hook: netdev.IngressHook, Name: name}, {Hook: netdev.EgressHook, Name: name}}
	}
	tap := &netdev.Link{
		Index: 7, Name: "tap-eth0", Alias: a.Conf.Alias(), Kind: "tun", Up: true, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1450,
		Tun: &netdev.Tun{Tap: true, Persistent: true},
	}
	return a, &plan.Observed{Devices: map[plan.Role]*plan.State{
		plan.Tap:       {Link: tap, Root: "noqueue", Filters: filters(a.Conf.Alias())},
		plan.Interface: {Link: iface, Filters: filters(a.Conf.HookName(true))},
	}}
}

func TestCompareRedirect(t *testing.T) {
	for _, tt := range []struct {
		name      string
		bandwidth netconf.Bandwidth
		change    func(a *Attachment, tap, iface *plan.State, seen *plan.Observed)
		want      []string
	}{
		{"intact", netconf.Bandwidth{}, func(*Attachment, *plan.State, *plan.State, *plan.Observed) {}, nil},
		{"interface gone", netconf.Bandwidth{}, func(_ *Attachment, _, _ *plan.State, seen *plan.Observed) { delete(seen.Devices, plan.Interface) },
			[]string{`missing interface "eth0" (redirect)`}},
		{"filters of another program alone", netconf.Bandwidth{}, func(_ *Attachment, _, iface *plan.State, _ *plan.Observed) {
			for i := range iface.Filters {
				iface.Filters[i].Name = "cil_from_container"
			}
		}, []string{
			`missing egress filter of "eth0"`, `missing ingress filter of "eth0"`,
		}},
		{"filters of another attachment alone", netconf.Bandwidth{}, func(_ *Attachment, tap, _ *plan.State, _ *plan.Observed) {
			for i := range tap.Filters {
				tap.Filters[i].Name = "tap/vms/4567/eth0/:redirect"
			}
		}, []string{
			`missing egress filter of "tap-eth0"`, `missing ingress filter of "tap-eth0"`,
		}},
		{"one filter of the interface gone", netconf.Bandwidth{}, func(_ *Attachment, _, iface *plan.State, _ *plan.Observed) { iface.Filters = iface.Filters[:1] },
			[]string{`missing egress filter of "eth0"`}},
		{"one filter of the tap gone", netconf.Bandwidth{}, func(_ *Attachment, tap, _ *plan.State, _ *plan.Observed) { tap.Filters = tap.Filters[1:] },
			[]string{`missing ingress filter of "tap-eth0"`}},
		{"filters of an interface whose qdisc another program made", netconf.Bandwidth{}, func(a *Attachment, _, iface *plan.State, _ *plan.Observed) {
			for i := range iface.Filters {
				iface.Filters[i].Name = a.Conf.HookName(false)
			}
		}, nil},
		{"another program in the filter", netconf.Bandwidth{}, func(_ *Attachment, tap, _ *plan.State, _ *plan.Observed) { tap.Filters[0].Tag = [8]byte{0xab} },
			[]string{`ingress filter of "tap-eth0", BPF program: expected 0000000000000000, found ab00000000000000`}},
		{"foreign filters before and behind", netconf.Bandwidth{}, func(_ *Attachment, _, iface *plan.State, _ *plan.Observed) {
			other := netdev.Filter{Hook: netdev.IngressHook, Name: "other", Tag: [8]byte{1}}
			iface.Filters = slices.Concat([]netdev.Filter{other}, iface.Filters, []netdev.Filter{other})
		}, nil},
		{"another root qdisc of the tap", netconf.Bandwidth{}, func(_ *Attachment, tap, _ *plan.State, _ *plan.Observed) { tap.Root = "fq" },
			[]string{"root qdisc: expected noqueue, found fq"}},
		{"no root qdisc of the tap", netconf.Bandwidth{}, func(_ *Attachment, tap, _ *plan.State, _ *plan.Observed) { tap.Root = "" },
			[]string{"root qdisc: expected noqueue, found "}},
		{"limit of ingress instead of noqueue", ingressOnly, func(_ *Attachment, tap, _ *plan.State, _ *plan.Observed) { tap.Root = "tbf" },
			[]string{"bandwidth, ingress: expected 6250000 bytes per second, burst of 100000 bytes, queue of 312500 bytes, found none"}},
		{"limit of egress gone from the interface", egressOnly, func(*Attachment, *plan.State, *plan.State, *plan.Observed) {},
			[]string{"bandwidth, egress: expected 2500000 bytes per second, burst of 536870911 bytes, queue of 160000 bytes, found none"}},

		{"MTU of the tap changed", netconf.Bandwidth{}, func(_ *Attachment, tap, _ *plan.State, _ *plan.Observed) { tap.MTU = 1500 },
			[]string{`MTU (must equal the MTU of "eth0"): expected 1450, found 1500`}},
		{"MTU of the interface changed since ADD", netconf.Bandwidth{}, func(a *Attachment, _, _ *plan.State, _ *plan.Observed) {
			a.Conf.PrevResult.Interfaces[2].Mtu = 1500
		}, []string{`MTU of "eth0": expected 1500, found 1450`}},
		{"MTU of the guest not recorded", netconf.Bandwidth{}, func(a *Attachment, _, _ *plan.State, _ *plan.Observed) { a.Conf.PrevResult.Interfaces[2].Mtu = 0 }, nil},
		{"MTU of the tap recorded differently", netconf.Bandwidth{}, func(a *Attachment, _, _ *plan.State, _ *plan.Observed) { a.Conf.PrevResult.Interfaces[1].Mtu = 1300 }, nil},
		{"MAC of the interface changed since ADD", netconf.Bandwidth{}, func(_ *Attachment, _, iface *plan.State, _ *plan.Observed) {
			iface.MAC = net.HardwareAddr{2, 0, 0, 0, 0, 8}
		}, []string{`MAC of "eth0": expected 02:00:00:00:00:09, found 02:00:00:00:00:08`}},
		{"MAC of the guest recorded in upper case", netconf.Bandwidth{}, func(a *Attachment, _, iface *plan.State, _ *plan.Observed) {
			iface.MAC, a.Conf.PrevResult.Interfaces[2].Mac = net.HardwareAddr{2, 0, 0, 0, 0, 0xab}, "02:00:00:00:00:AB"
		}, nil},
		{"MAC of the guest not recorded", netconf.Bandwidth{}, func(a *Attachment, _, _ *plan.State, _ *plan.Observed) { a.Conf.PrevResult.Interfaces[2].Mac = "" },
			[]string{`MAC of "eth0": expected , found 02:00:00:00:00:09`}},
		{"guest not recorded", netconf.Bandwidth{}, func(a *Attachment, _, _ *plan.State, _ *plan.Observed) {
			a.Conf.PrevResult.Interfaces = a.Conf.PrevResult.Interfaces[:2]
		}, nil},
		{"tap not recorded", netconf.Bandwidth{}, func(a *Attachment, _, _ *plan.State, _ *plan.Observed) {
			a.Conf.PrevResult.Interfaces = a.Conf.PrevResult.Interfaces[:1]
		}, []string{`missing entry of prevResult: interface "tap-eth0" in /run/netns/pod`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, seen := redirecting(t, tt.bandwidth)
			tt.change(a, seen.Devices[plan.Tap], seen.Devices[plan.Interface], seen)
			got := a.compare(seen, newExpectedLayer3(&current.Result{}, 0, 0))
			if !slices.Equal(texts(got), tt.want) {
				t.Errorf("differences\nwant %q\ngot  %q", tt.want, texts(got))
			}
			for _, d := range got {
				if d.Tolerated {
					t.Errorf("difference %s\nwant an error\ngot  a notice", d)
				}
			}
		})
	}
}

func TestPlanRedirect(t *testing.T) {
	for _, tt := range []struct {
		name     string
		redirect redirect
		hookName string
		shared   bool
	}{
		{"interface without clsact", redirect{}, "tap/vms/0123abcd/eth0/:interface+clsact", false},
		{"interface with clsact", redirect{hasClsact: true}, "tap/vms/0123abcd/eth0/:interface", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := redirected(netconf.Bandwidth{})
			tt.redirect.iface = &netdev.Link{Index: 5, Name: "eth0", MTU: 1450}
			if err := tt.redirect.plan(a); err != nil {
				t.Fatal(err)
			}
			tap, iface := a.Want.Device(plan.Tap), a.Want.Device(plan.Interface)
			if tap.MTU != 1450 || tap.MTUFrom != "eth0" {
				t.Errorf("tap\nwant the MTU 1450 of eth0\ngot  %+v", tap)
			}
			if iface.Name != "eth0" || iface.TC.HasClsact != tt.shared || a.Want.Outlet != plan.Interface {
				t.Errorf("interface\nwant eth0, shared: %v, as the outlet\ngot  %+v, outlet %d", tt.shared, iface, a.Want.Outlet)
			}
			wantHooks(t, "tap", tap.TC.Hooks, a.Conf.Alias(), plan.Interface)
			wantHooks(t, "interface", iface.TC.Hooks, tt.hookName, plan.Tap)
		})
	}
}

// wantHooks checks that both hooks have a filter of a name, and that the one that sends frames
// to the other device is the last.
func wantHooks(t *testing.T, device string, got []plan.Hook, name string, other plan.Role) {
	t.Helper()
	if len(got) != 2 || got[0].At != netdev.EgressHook || got[1].At != netdev.IngressHook {
		t.Fatalf("hooks of the %s\nwant sent, received\ngot  %+v", device, got)
	}
	for _, hook := range got {
		if hook.Name != name || hook.Device != other || !hook.IsOwn(name) || hook.IsOwn("cil_from_container") || hook.IsOwn("") {
			t.Errorf("hook of the %s\nwant %s, about device %d, ours by that name alone\ngot  %+v", device, name, other, hook)
		}
	}
}
