package feature

import (
	"os"
	"slices"
	"strings"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

func TestPlanProtection(t *testing.T) {
	tests := []struct {
		name        string
		tap         netconf.Tap
		ipam        string
		noLinkLocal bool
		forwarding  bool // the settings are kept
		acceptRA    bool // the settings are kept
		notify      bool
	}{
		{"plain", netconf.Tap{}, "", true, false, false, false},
		{"with addresses", netconf.Tap{}, "host-local", false, false, false, true},
		{"port of a bridge", netconf.Tap{Bridge: "br0"}, "", true, false, false, false},
		{"redirect", netconf.Tap{Redirect: true}, "", true, false, false, false},
		{"forward", netconf.Tap{Forward: true}, "", true, true, false, false},
		{"acceptRA", netconf.Tap{AcceptRA: true}, "", false, false, true, false},
		{"both, with addresses", netconf.Tap{Forward: true, AcceptRA: true}, "host-local", false, true, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAttachment(&netconf.Config{Tap: tt.tap, IPAM: tt.ipam}, nil, []Feature{newProtection()})
			if err := a.run(planStep); err != nil {
				t.Fatal(err)
			}
			tap := a.Want.Device(plan.Tap)
			if tap.NoLinkLocal != tt.noLinkLocal {
				t.Errorf("no link-local address\nwant %v\ngot  %v", tt.noLinkLocal, tap.NoLinkLocal)
			}
			for sysctl, want := range map[netdev.IPv4Sysctl]struct {
				set   bool
				value uint32
			}{
				netdev.IPv4Forwarding: {!tt.forwarding, 0}, netdev.IPv4ProxyARP: {!tt.forwarding, 0}, netdev.IPv4ARPNotify: {tt.notify, 1},
				netdev.IPv4ARPIgnore: {!tt.forwarding, 1}, netdev.IPv4AcceptRedirects: {true, 0}, netdev.IPv4AcceptSourceRoute: {true, 0},
				netdev.IPv4ARPAccept: {true, 0}, netdev.IPv4BootpRelay: {true, 0}, netdev.IPv4RouteLocalnet: {true, 0},
				netdev.IPv4ProxyARPPVLAN: {true, 0},
			} {
				i := slices.IndexFunc(tap.IPv4, func(s netdev.IPv4Setting) bool { return s.Sysctl == sysctl })
				if set := i >= 0; set != want.set || set && tap.IPv4[i].Value != want.value {
					t.Errorf("IPv4 sysctl %s\nwant set: %v, to %d\ngot  %v", sysctl.Name, want.set, want.value, tap.IPv4)
				}
			}
			for sysctl, want := range map[netdev.IPv6Sysctl]bool{
				netdev.IPv6AcceptRedirects: true, netdev.IPv6AcceptRA: !tt.acceptRA, netdev.IPv6Autoconf: !tt.acceptRA,
			} {
				if got := slices.Contains(tap.IPv6Off, sysctl); got != want {
					t.Errorf("IPv6 sysctl %s set to 0\nwant %v\ngot  %v", sysctl.Name, want, got)
				}
			}
		})
	}
}

// docs/configuration.md lists each setting.
func TestProtectionsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### What a plain tap lets through\n")
	section, _, found := strings.Cut(section, "\nWhat passes:\n")
	if !found {
		t.Fatal("docs/configuration.md has no table of the settings")
	}
	a := newAttachment(&netconf.Config{IPAM: "host-local"}, nil, []Feature{newProtection()})
	if err := a.run(planStep); err != nil {
		t.Fatal(err)
	}
	names := []string{"addr_gen_mode", "net.ipv4.conf.all.accept_redirects"}
	for _, setting := range a.Want.Device(plan.Tap).IPv4 {
		names = append(names, setting.Sysctl.Name)
	}
	for _, sysctl := range a.Want.Device(plan.Tap).IPv6Off {
		names = append(names, sysctl.Name)
	}
	for _, name := range names {
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("the table does not name %s", name)
		}
	}
}
