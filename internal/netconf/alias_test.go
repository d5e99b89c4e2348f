package netconf

import (
	"fmt"
	"strings"
	"testing"
)

func TestAlias(t *testing.T) {
	// 128-bit FNV-1a, computed by another program
	const hashOf108x = "#0ccad4c7a4feb261d10ac59ee65981bd"
	x := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		name                         string
		network, id, ifName, tapName string
		want                         string
	}{
		{"short", "vms", "0123abcd", "net1", "", "tap/vms/0123abcd/net1"},
		{"tapName equals CNI_IFNAME", "vms", "0123abcd", "net1", "net1", "tap/vms/0123abcd/net1"},
		{"tapName differs from CNI_IFNAME", "vms", "0123abcd", "net1", "tap0", "tap/vms/0123abcd/net1/tap0"},
		{"network at the limit", x(107), "id", "net1", "", "tap/" + x(107) + "/id/net1"},
		{"network too long", x(108), "id", "net1", "", "tap/" + hashOf108x + "/id/net1"},
		{"container ID at the limit", "vms", x(107), "net1", "", "tap/vms/" + x(107) + "/net1"},
		{"container ID too long", "vms", x(108), "net1", "", "tap/vms/" + hashOf108x + "/net1"},
		{"both too long", x(108), x(108), "net1", "", "tap/" + hashOf108x + "/" + hashOf108x + "/net1"},
		{"both too long, with tapName", x(108), x(108), "net1", "tap0", "tap/" + hashOf108x + "/" + hashOf108x + "/net1/tap0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := aliasOf(tt.network, tt.id, tt.ifName, tt.tapName); got != tt.want {
				t.Errorf("Alias\nwant %s\ngot  %s", tt.want, got)
			}
		})
	}
}

func TestAliasFitsIFALIASZ(t *testing.T) {
	const most = 255 // IFALIASZ minus its NUL
	longest := 0
	for _, length := range []int{1, 64, 65, 106, 107, 108, 109, 110, 111, 253, 4096} {
		field := strings.Repeat("x", length)
		alias := aliasOf(field, field, strings.Repeat("i", 15), strings.Repeat("t", 15))
		if got := max(len(alias), len(EgressAlias(alias))); got > most {
			t.Errorf("length of the alias of fields of %d bytes\nwant at most %d\ngot  %d", length, most, got)
		}
		longest = max(longest, len(alias))
	}
	if longest < 240 {
		t.Errorf("longest alias: names that fit are hashed\nwant about %d bytes\ngot  %d", most, longest)
	}
}

// Different attachments must have different aliases and egress devices: neither fields that run into each
// other, nor hashes, nor truncation may make them equal.
func TestAliasIsUnique(t *testing.T) {
	long := strings.Repeat("x", 200)
	attachments := []Config{
		{Network: "a", ContainerID: "b", IfName: "c"},
		{Network: "b", ContainerID: "a", IfName: "c"},
		{Network: "a", ContainerID: "c", IfName: "b"},
		{Network: "ab", ContainerID: "b", IfName: "c"},
		{Network: "a", ContainerID: "bb", IfName: "c"},
		{Network: "a", ContainerID: "b", IfName: "c1"},
		{Network: "a", ContainerID: "b", IfName: "C"},
		{Network: "a.b", ContainerID: "c", IfName: "d"},
		{Network: "a", ContainerID: "b.c", IfName: "d"},
		{Network: "a-b", ContainerID: "c", IfName: "d"},
		{Network: "tap", ContainerID: "a", IfName: "b"},
		{Network: long, ContainerID: "b", IfName: "c"},
		{Network: "b", ContainerID: long, IfName: "c"},
		{Network: long + "y", ContainerID: "b", IfName: "c"},
		{Network: long + "z", ContainerID: "b", IfName: "c"},
		{Network: long[:107], ContainerID: "b", IfName: "c"},
		{Network: long[:108], ContainerID: "b", IfName: "c"},
		{Network: strings.TrimPrefix(aliasField(long), "#"), ContainerID: "b", IfName: "c"}, // has the characters of a hash
		{Network: "a", ContainerID: "b", IfName: "c", Tap: Tap{Name: "d"}},
		{Network: "a", ContainerID: "b", IfName: "c", Tap: Tap{Name: "d1"}},
		{Network: "a", ContainerID: "b", IfName: "d", Tap: Tap{Name: "c"}},
		{Network: "b", ContainerID: "c", IfName: "d", Tap: Tap{Name: "a"}},
		{Network: "tap", ContainerID: "a", IfName: "b", Tap: Tap{Name: "c"}},
		{Network: long, ContainerID: "b", IfName: "c", Tap: Tap{Name: "d"}},
	}
	aliases, egress := map[string]Config{}, map[string]Config{}
	for _, conf := range attachments {
		if conf.Tap.Name == "" {
			conf.Tap.Name = conf.IfName
		}
		alias := conf.Alias()
		if other, taken := aliases[alias]; taken {
			t.Errorf("alias %s\nwant one attachment\ngot  %+v and %+v", alias, other, conf)
		}
		aliases[alias] = conf
		name := EgressName(alias)
		if other, taken := egress[name]; taken {
			t.Errorf("egress device %s\nwant one attachment\ngot  %+v and %+v", name, other, conf)
		}
		egress[name] = conf
	}
}

func TestEgressNameIsInterfaceName(t *testing.T) {
	x := strings.Repeat("x", 4096)
	aliases := []string{
		aliasOf("a", "b", "c", ""),
		aliasOf("a", "b", "c", "d"),
		aliasOf("vms", "0123abcd", "net1", "tap0"),
		aliasOf("VMS.Guests_1-2", "id", "\x01", `a\b"c'`),
		aliasOf(x, x, strings.Repeat("i", 15), strings.Repeat("t", 15)),
		aliasOf("tap", "tap", "tap", "ifb"),
		"", "tap", "tap/vms", "///", "uplink", x, "\x00\xff", // not aliases of this plugin; must not panic
	}
	for _, alias := range aliases {
		name := EgressName(alias)
		if len(name) != 15 || !strings.HasPrefix(name, "ifb") || !kernelTakes(name) {
			t.Errorf("EgressName(%.80q)\nwant ifb and 12 more bytes of an interface name\ngot  %q", alias, name)
		}
		if strings.ToLower(name) != name {
			t.Errorf("EgressName(%.80q)\nwant lower case\ngot  %q", alias, name)
		}
	}
}

// A later version of the plugin must find the devices of this one. The expected names were computed by
// another program.
func TestEgressNameIsStable(t *testing.T) {
	tests := []struct{ alias, want string }{
		{"tap/vms/0123abcd/net1", "ifbmaulqli69gq2"},
		{"tap/vms/0123abcd/net1/tap0", "ifbmaulqhke7oit"},
	}
	for _, tt := range tests {
		for range 2 { // the name must not depend on state
			if got := EgressName(tt.alias); got != tt.want {
				t.Errorf("EgressName(%s)\nwant %s\ngot  %s", tt.alias, tt.want, got)
			}
		}
	}
}

// GC recognizes a device without alias by the network part of its name.
func TestEgressNamePrefixIsPerNetwork(t *testing.T) {
	const network = len("ifb") + 5
	x := strings.Repeat("x", 200)
	vms := EgressName(aliasOf("vms", "id", "net1", ""))[:network]
	for _, alias := range []string{
		aliasOf("vms", "id2", "net1", ""), aliasOf("vms", "id", "net2", "tap0"), aliasOf("vms", x, "net1", ""),
	} {
		if got := EgressName(alias); !strings.HasPrefix(got, vms) {
			t.Errorf("EgressName(%s)\nwant %s…\ngot  %s", alias, vms, got)
		}
	}
	for _, name := range []string{"vm", "vms2", "VMS", "v.s", x, x + "x"} {
		if got := EgressName(aliasOf(name, "id", "net1", "")); strings.HasPrefix(got, vms) {
			t.Errorf("EgressName in network %s\nwant a prefix that differs from the prefix of vms, %s\ngot  %s", name, vms, got)
		}
	}
}

// 20,000 attachments with similar names must have different egress names. With random hashes, one of 170
// such sets would contain a collision.
func TestEgressNameHasNoCollision(t *testing.T) {
	seen := map[string]string{}
	for id := range 5000 {
		for ifname := range 4 {
			alias := aliasOf("vms", fmt.Sprintf("pod%d", id), fmt.Sprintf("net%d", ifname), "")
			name := EgressName(alias)
			if other, taken := seen[name]; taken {
				t.Errorf("EgressName(%s)\nwant a name that differs from the name of %s\ngot  %s", alias, other, name)
			}
			seen[name] = alias
		}
	}
	networks := map[string]bool{}
	for n := range 1000 {
		networks[EgressName(aliasOf(fmt.Sprintf("net%d", n), "id", "net1", ""))[:len("ifb")+5]] = true
	}
	if len(networks) < 999 { // with random hashes, one of 67 such sets contains a collision
		t.Errorf("network parts of 1000 networks\nwant 999 or more different ones\ngot  %d", len(networks))
	}
}

func TestEgressNameDependsOnTapName(t *testing.T) {
	seen := map[string]string{}
	for _, tapName := range []string{"", "tap0", "tap1", "TAP0", "tap", "tap00", "net2"} {
		name := EgressName(aliasOf("vms", "0123abcd", "net1", tapName))
		if other, taken := seen[name]; taken {
			t.Errorf("EgressName of tapName %q\nwant a name that differs from the name of %q\ngot  %s", tapName, other, name)
		}
		seen[name] = tapName
	}
	plain, same := EgressName(aliasOf("vms", "0123abcd", "net1", "")), EgressName(aliasOf("vms", "0123abcd", "net1", "net1"))
	if plain != same {
		t.Errorf("EgressName with tapName equal to CNI_IFNAME\nwant %s\ngot  %s", plain, same)
	}
}

func TestEgressAlias(t *testing.T) {
	tests := []struct{ name, alias, want string }{
		{"four fields", "tap/vms/0123abcd/net1", "ifb/vms/0123abcd/net1"},
		{"five fields", "tap/vms/0123abcd/net1/tap0", "ifb/vms/0123abcd/net1/tap0"},
		{"network with the name of the plugin", "tap/tap/tap/tap", "ifb/tap/tap/tap"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := EgressAlias(tt.alias); got != tt.want {
				t.Errorf("EgressAlias\nwant %s\ngot  %s", tt.want, got)
			}
		})
	}
}
