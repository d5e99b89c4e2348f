package netconf

import (
	"strings"
	"testing"
)

func TestOwns(t *testing.T) {
	conf := &Config{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: Tap{Name: "net1"}}
	for _, tt := range []struct {
		alias string
		want  bool
	}{
		{"tap/vms/0123abcd/net1", true},
		{"tap/vms/0123abcd/net1/vm0", true},
		{"tap/vms/0123abcd/net1/:redirect", true},
		{"tap/vms/0123abcd/net1/:interface", true},
		{"tap/vms/0123abcd/net1/:interface+clsact", true},
		{"tap/vms/0123abcd/net1/a/b", false},
		{"tap/vms/0123abcd/net1/", false},
		{"tap/vms/0123abcd/net10", false},
		{"tap/vms/0123abcd/net", false},
		{"tap/vms/0123abcd", false},
		{"tap/vms/4567/net1", false},
		{"tap/vms/0123abcd/net2/net1", false},
		{"tap/vms2/0123abcd/net1", false},
		{"tap/other/0123abcd/net1", false},
		{"ifb/vms/0123abcd/net1", false},
		{"uplink", false},
		{"", false},
	} {
		if got := conf.Owns(tt.alias); got != tt.want {
			t.Errorf("Owns(%q)\nwant %v\ngot  %v", tt.alias, tt.want, got)
		}
	}
}

// A hash of one attachment's network or container ID is not that of another's.
func TestOwnsLongNames(t *testing.T) {
	long := strings.Repeat("x", 200)
	conf := &Config{Network: long + "1", ContainerID: long + "2", IfName: "net1", Tap: Tap{Name: "net1"}}
	if !conf.Owns(conf.Alias()) || !conf.Owns(conf.Alias()+"/vm0") {
		t.Errorf("Owns(%q)\nwant true\ngot  false", conf.Alias())
	}
	for _, other := range []*Config{
		{Network: long + "2", ContainerID: long + "2", IfName: "net1", Tap: Tap{Name: "net1"}},
		{Network: long + "1", ContainerID: long + "1", IfName: "net1", Tap: Tap{Name: "net1"}},
	} {
		if conf.Owns(other.Alias()) {
			t.Errorf("Owns(%q)\nwant false\ngot  true", other.Alias())
		}
	}
}

// An attachment owns what it owned before its configuration changed.
func TestOwnsAliasOfEveryConfiguration(t *testing.T) {
	made := []Tap{{Name: "net1"}, {Name: "vm0"}, {Name: "vm0", Redirect: true}}
	now := append(made, Tap{}) // of an unreadable tapName
	for _, tap := range now {
		conf := &Config{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: tap}
		for _, before := range made {
			then := &Config{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: before}
			for _, name := range []string{then.Alias(), then.HookName(true), then.HookName(false)} {
				if !conf.Owns(name) {
					t.Errorf("Owns(%q) with %+v\nwant true\ngot  false", name, tap)
				}
			}
			if egress, alias := EgressName(then.Alias()), EgressAlias(then.Alias()); !conf.OwnsEgress(egress, alias) {
				t.Errorf("OwnsEgress(%q, %q) with %+v\nwant true\ngot  false", egress, alias, tap)
			}
		}
	}
}

func TestOwnsEgress(t *testing.T) {
	const ofNet1, ofTap0 = "ifbmaulqli69gq2", "ifbmaulqhke7oit" // TestEgressNameStays
	plain := &Config{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: Tap{Name: "net1"}}
	limited, named, redirected := *plain, *plain, *plain
	limited.Tap.Bandwidth.Egress = Limit{Rate: 8, Burst: 640_000}
	named.Tap.Name = "tap0"
	redirected.Tap = Tap{Redirect: true}
	for _, tt := range []struct {
		name          string
		conf          *Config
		device, alias string
		want          bool
	}{
		{"ours", &limited, ofNet1, "", true},
		{"ours, no longer limited", plain, ofNet1, "", true},
		{"ours, with alias", plain, ofNet1, "ifb/vms/0123abcd/net1", true},
		{"ours, of another tapName, with alias", plain, ofTap0, "ifb/vms/0123abcd/net1/tap0", true},
		{"ours, of another tapName, without alias", plain, ofTap0, "", false},
		{"of today's tapName, without alias", &named, ofTap0, "", true},
		{"of no tapName, without alias", &named, ofNet1, "", true},
		{"of no tapName, without alias, now redirect", &redirected, ofNet1, "", true},
		{"another container's, with alias", plain, ofNet1, "ifb/vms/4567/net1", false},
		{"another network's, with alias", plain, ofNet1, "ifb/other/0123abcd/net1", false},
		{"alias of a person", plain, ofNet1, "uplink", false},
		{"alias of the tap", plain, ofNet1, "tap/vms/0123abcd/net1", false},
		{"another name", plain, "ifb0", "", false},
		{"another name with our alias", plain, "ifb0", "ifb/vms/0123abcd/net1", false},
		{"longer name with our alias", plain, ofNet1 + "2", "ifb/vms/0123abcd/net1", false},
		{"no name", plain, "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.conf.OwnsEgress(tt.device, tt.alias); got != tt.want {
				t.Errorf("OwnsEgress(%q, %q)\nwant %v\ngot  %v", tt.device, tt.alias, tt.want, got)
			}
		})
	}
}

func TestIsRedirect(t *testing.T) {
	for alias, want := range map[string]bool{
		"tap/vms/0123abcd/eth0/:redirect": true, "tap/vms/0123abcd/eth0": false, "tap/vms/0123abcd/eth0/redirect": false,
		"tap/vms/0123abcd/eth0/:interface": false, "": false,
	} {
		if got := IsRedirect(alias); got != want {
			t.Errorf("IsRedirect(%q)\nwant %v\ngot  %v", alias, want, got)
		}
	}
}
