package e2e

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/test/harness"
)

// prevResult stays as it was; the tap and the guest's interface come after, of one name,
// and with them copies of the interface's addresses.
func TestRedirectResult(t *testing.T) {
	h := newTakeover(t)
	var prev harness.Result
	h.Must(json.Unmarshal([]byte(h.Expand(text(t, handed()["prevResult"]))), &prev))
	got := h.add().Result()
	guest := 3
	want := prev
	want.Interfaces = append(want.Interfaces,
		harness.Interface{Name: "tap-eth0", MAC: h.MustDevice("tap-eth0").MAC, MTU: 1500, Sandbox: h.Pod.Path()},
		harness.Interface{Name: "tap-eth0", MAC: podMAC, MTU: 1500, Sandbox: h.ContainerID},
	)
	for _, ip := range prev.IPs {
		ip.Interface = &guest
		want.IPs = append(want.IPs, ip)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("result\n got %s\nwant %s", text(t, got), text(t, want))
	}
	if tap := h.MustDevice("tap-eth0").MAC; tap == podMAC {
		t.Errorf("the tap itself bears the guest's MAC address %s", tap)
	}
}

// Which of prevResult's addresses are the guest's.
func TestRedirectResultAddresses(t *testing.T) {
	interfaces := []any{
		m{"name": "eth0", "mac": "02:00:00:00:00:77"}, // the host's end, which may bear the same name
		m{"name": "eth0", "mac": podMAC, "sandbox": "$NETNS"},
		m{"name": "eth1", "mac": "02:00:00:00:00:78", "sandbox": "$NETNS"},
		m{"name": "eth0", "mac": podMAC, "sandbox": "/run/netns/another"},
	}
	for _, c := range []struct {
		name string
		prev m
		want []string
	}{
		{"of the interface only", m{"interfaces": interfaces, "ips": []any{
			m{"interface": 0, "address": "10.7.0.1/24"},
			m{"interface": 2, "address": "10.8.0.2/24"},
			m{"interface": 1, "address": "10.7.0.2/24", "gateway": "10.7.0.1"},
			m{"interface": 3, "address": "10.9.0.2/24"},
			m{"interface": 1, "address": "2001:db8:7::2/64"},
		}}, []string{"10.7.0.2/24 10.7.0.1", "2001:db8:7::2/64 "}},
		{"without an index, as Cilium has them", m{"interfaces": interfaces, "ips": []any{
			m{"address": "10.7.0.2/32", "gateway": "10.7.0.1"}, m{"address": "2001:db8:7::2/128"},
		}}, []string{"10.7.0.2/32 10.7.0.1", "2001:db8:7::2/128 "}},
		{"without interfaces", m{"interfaces": nil, "ips": []any{m{"address": "10.7.0.2/32"}}}, []string{"10.7.0.2/32 "}},
		{"an index beyond all", m{"interfaces": interfaces, "ips": []any{m{"interface": 9, "address": "10.7.0.2/32"}, m{"interface": -1, "address": "10.7.0.3/32"}}}, nil},
		{"no address", m{"interfaces": interfaces, "ips": nil}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			added := h.add(handed(c.prev)).WantOK()
			r := added.Result()
			var got []string
			for _, ip := range r.IPs {
				if ip.Interface != nil && *ip.Interface == len(r.Interfaces)-1 {
					got = append(got, ip.Address+" "+ip.Gateway)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the guest's addresses\n got %q\nwant %q", got, c.want)
			}
			h.check(added, handed(c.prev)).WantOK()
			h.del(handed(c.prev)).WantOK()
			h.wantAsBefore()
		})
	}
}

// redirectChain is a chain of a plugin that makes eth0, and ours.
func redirectChain(t *testing.T, version string, first m, keys ...m) *chain {
	t.Helper()
	harness.NeedRoot(t) // its programs are BPF
	return newChain(t, version, first, tapPlugin(append([]m{{"redirect": true, "mtu": nil}}, keys...)...))
}

// ptpPlugin is the plugin ptp, whose container interface is one of two ends.
func ptpPlugin() m {
	return m{"type": "ptp", "ipam": m{
		"type": "host-local", "dataDir": "$STORE", "routes": []any{m{"dst": "0.0.0.0/0"}, m{"dst": "::/0"}},
		"ranges": []any{[]any{m{"subnet": "10.89.0.0/24"}}, []any{m{"subnet": "2001:db8:89::/64"}}},
	}}
}

// Behind the reference plugins, by libcni, in every version that has chains: they find
// what they made while the guest has it, and DEL of all leaves nothing.
func TestRedirectInAChain(t *testing.T) {
	for name, first := range map[string]m{"bridge": bridgePlugin(), "ptp": ptpPlugin()} {
		t.Run(name, func(t *testing.T) {
			inEveryVersion(t, func(t *testing.T, version string) {
				c := redirectChain(t, version, first)
				result := c.add()
				tap, guest := result.Interfaces[len(result.Interfaces)-2], result.Interfaces[len(result.Interfaces)-1]
				device, eth0 := c.host.MustDevice("tap-eth0"), c.host.MustDevice("eth0")
				mtu := 0
				if version == "1.1.0" {
					mtu = eth0.MTU
				}
				if want := (current.Interface{Name: "tap-eth0", Mac: device.MAC, Mtu: mtu, Sandbox: c.host.Pod.Path()}); *tap != want {
					t.Errorf("tap\n got %+v\nwant %+v", *tap, want)
				}
				if want := (current.Interface{Name: "tap-eth0", Mac: eth0.MAC, Mtu: mtu, Sandbox: c.host.ContainerID}); *guest != want {
					t.Errorf("guest\n got %+v\nwant %+v", *guest, want)
				}
				if got, want := addressesOf(result, len(result.Interfaces)-1), eth0.Global(); !slices.Equal(got, want) {
					t.Errorf("the guest's addresses\n got %q\nwant %q", got, want)
				}
				for _, i := range result.Interfaces {
					if i.Sandbox != "" && i.Mac == "" {
						t.Errorf("%s has a sandbox and no MAC", i.Name)
					}
				}
				c.wantChecked()
				c.del()
			})
		})
	}
}

// A runtime that was killed may begin again with the plugins before ours, whose DEL takes
// the interface away from under the guest.
func TestRedirectChainDeletedFromItsBeginning(t *testing.T) {
	for name, first := range map[string]m{"bridge": bridgePlugin(), "ptp": ptpPlugin()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := redirectChain(t, "1.1.0", first, owned())
			startGuestOf(t, c, 1, 1500)
			part := *c.list
			part.Plugins = part.Plugins[:1]
			if err := c.DelNetworkList(t.Context(), &part, c.args); err != nil {
				t.Fatal(err)
			}
			if _, there := c.host.Device("eth0"); there {
				t.Fatal("eth0 is still there")
			}
			c.del()
		})
	}
}
