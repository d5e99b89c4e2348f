package feature

import (
	"slices"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// inventoryOfVMs knows of the attachments known/net1 and known/net2 of the network vms.
func inventoryOfVMs(t *testing.T) *netconf.ValidAttachments {
	t.Helper()
	_, valid, err := netconf.ParseGC(&netconf.Args{StdinData: []byte(`{"cniVersion": "1.1.0", "name": "vms", "type": "tap",
		"cni.dev/valid-attachments": [{"containerID": "known", "ifname": "net1"}, {"containerID": "known", "ifname": "net2"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	return valid
}

func TestStaleLinks(t *testing.T) {
	const (
		known, known2, stale  = "tap/vms/known/net1", "tap/vms/known/net2", "tap/vms/gone/net1"
		anotherNetwork, human = "tap/other/gone/net1", "uplink"
	)
	tap := func(name, alias string) *netdev.Link {
		return &netdev.Link{Name: name, Alias: alias, Kind: "tun", Tun: &netdev.Tun{Tap: true, Persistent: true}}
	}
	inFlight := func(name, alias string) *netdev.Link {
		link := tap(name, alias)
		link.Tun.Persistent = false
		return link
	}
	// egress is the egress device of the tap with an alias.
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
	aliased := func(link *netdev.Link, alias string) *netdev.Link {
		link.Alias = alias
		return link
	}
	layer3 := tap("net1", stale)
	layer3.Tun.Tap = false
	for _, tt := range []struct {
		name  string
		links []*netdev.Link
		want  []int // indexes into links
	}{
		{"nothing", nil, nil},
		{"known", []*netdev.Link{tap("net1", known)}, nil},
		{"known, with tapName", []*netdev.Link{tap("tap0", known+"/tap0")}, nil},
		{"stale", []*netdev.Link{tap("net1", stale)}, []int{0}},
		{"stale, with tapName", []*netdev.Link{tap("tap0", stale+"/tap0")}, []int{0}},
		{"stale, renamed", []*netdev.Link{tap("elsewhere", stale)}, []int{0}},
		{"stale interface of a known container", []*netdev.Link{tap("net3", "tap/vms/known/net3")}, []int{0}},
		{"stale among others", []*netdev.Link{tap("net1", known), tap("net9", stale), tap("net2", known2)}, []int{1}},

		{"in flight", []*netdev.Link{inFlight("net1", stale)}, nil},
		{"in flight, before its alias", []*netdev.Link{inFlight("net1", "")}, nil},
		{"in flight, with its egress device", []*netdev.Link{inFlight("net1", stale), egress(stale)}, nil},
		{"in flight, with its egress device just born", []*netdev.Link{inFlight("net1", stale), newborn(stale)}, nil},
		{"in flight, listed after its egress device", []*netdev.Link{newborn(stale), inFlight("net1", stale)}, nil},
		{"in flight beside a stale one of another name", []*netdev.Link{inFlight("net1", stale), tap("net2", "tap/vms/gone/net2")}, []int{1}},
		{"in flight beside another's orphan", []*netdev.Link{inFlight("net1", stale), egress("tap/vms/gone/net2")}, []int{1}},

		{"known, limited", []*netdev.Link{tap("net1", known), egress(known)}, nil},
		{"known, limited, without the alias of its egress device", []*netdev.Link{tap("net1", known), newborn(known)}, nil},
		{"known, limited, renamed", []*netdev.Link{tap("elsewhere", known), egress(known)}, nil},
		{"known, limited, with tapName", []*netdev.Link{tap("tap0", known+"/tap0"), egress(known + "/tap0")}, nil},
		{"stale, limited", []*netdev.Link{tap("net1", stale), egress(stale)}, []int{0, 1}},
		{"stale, limited: the tap goes first", []*netdev.Link{egress(stale), tap("net1", stale)}, []int{1, 0}},
		{"stale, limited, beside a known one", []*netdev.Link{egress(known), egress(stale), tap("net1", known), tap("net9", stale)}, []int{3, 1}},

		{"orphan of a stale attachment", []*netdev.Link{egress(stale)}, []int{0}},
		{"orphan of a known attachment", []*netdev.Link{egress(known)}, []int{0}},
		{"orphan without alias", []*netdev.Link{newborn(known)}, []int{0}},
		{"orphan beside another tap of its container", []*netdev.Link{tap("net2", known2), egress(known)}, []int{1}},
		{"orphan beside a veth that has its tap's alias", []*netdev.Link{as(tap("net1", known), "veth"), egress(known)}, []int{1}},
		{"orphan beside the tap under another tapName", []*netdev.Link{tap("tap0", known+"/tap0"), egress(known)}, []int{1}},

		{"another network's tap", []*netdev.Link{tap("net1", anotherNetwork)}, nil},
		{"another network's orphan", []*netdev.Link{egress(anotherNetwork)}, nil},
		{"another network's orphan without alias", []*netdev.Link{newborn(anotherNetwork)}, nil},
		{"another network's orphan whose name could be ours", []*netdev.Link{aliased(egress(stale), "ifb/other/gone/net1")}, nil},
		{"a person's orphan whose name could be ours", []*netdev.Link{aliased(egress(stale), human)}, nil},
		{"network whose name begins like ours", []*netdev.Link{tap("net1", "tap/vms2/gone/net1"), egress("tap/vms2/gone/net1")}, nil},

		{"a person's tap", []*netdev.Link{tap("net1", human)}, nil},
		{"a tap without alias", []*netdev.Link{tap("net1", "")}, nil},
		{"a person's ifb", []*netdev.Link{{Name: "ifb0", Kind: "ifb"}, {Name: "ifb1", Kind: "ifb", Alias: netconf.EgressAlias(stale)}}, nil},
		{"another kind with a stale alias", []*netdev.Link{as(tap("net1", stale), "veth")}, nil},
		{"a layer 3 tun with a stale alias", []*netdev.Link{layer3}, nil},
		{"another kind under the name of an orphan", []*netdev.Link{as(egress(stale), "bridge"), as(newborn(known), "dummy")}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []*netdev.Link
			for _, i := range tt.want {
				want = append(want, tt.links[i])
			}
			if got := staleOf(tt.links, MatchStale(inventoryOfVMs(t))); !slices.Equal(got, want) {
				t.Errorf("garbage\nwant %s\ngot  %s", linkTexts(want), linkTexts(got))
			}
		})
	}
}

// staleOf selects from links of all kinds, of which the kernel lists those of a kind.
func staleOf(links []*netdev.Link, match Match) []*netdev.Link {
	var taps, egress []*netdev.Link
	for _, link := range links {
		switch {
		case link.IsTap():
			taps = append(taps, link)
		case link.Kind == egressKind:
			egress = append(egress, link)
		}
	}
	return selectStale(taps, egress, match, true)
}

// An egress device whose tap is not in a list that is not complete may be in use.
func TestStaleLinksOfAnIncompleteList(t *testing.T) {
	const gone, missing = "tap/vms/gone/net1", "tap/vms/gone/net2"
	tap := &netdev.Link{Name: "net1", Alias: gone, Kind: "tun", Tun: &netdev.Tun{Tap: true, Persistent: true}}
	egressOf := func(alias string) *netdev.Link {
		return &netdev.Link{Name: netconf.EgressName(alias), Alias: netconf.EgressAlias(alias), Kind: "ifb"}
	}
	own, other := egressOf(gone), egressOf(missing)
	got := selectStale([]*netdev.Link{tap}, []*netdev.Link{other, own}, MatchStale(inventoryOfVMs(t)), false)
	if want := []*netdev.Link{tap, own}; !slices.Equal(got, want) {
		t.Errorf("selectStale\nwant %s\ngot  %s", linkTexts(want), linkTexts(got))
	}
}

func linkTexts(links []*netdev.Link) []string {
	texts := make([]string, 0, len(links))
	for _, link := range links {
		texts = append(texts, link.Kind+" "+link.Name+" "+link.Alias)
	}
	return texts
}
