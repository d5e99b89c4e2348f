package netconf

import (
	"strings"
	"testing"
)

// gcOf returns the input of GC for a network: its valid attachments and more keys, written as JSON.
func gcOf(network, attachments, members string) *Args {
	if members != "" {
		members = ", " + members
	}
	return &Args{StdinData: []byte(`{"cniVersion": "1.1.0", "name": "` + network + `", "type": "tap",
		"cni.dev/valid-attachments": ` + attachments + members + `}`)}
}

// mustParseGC returns the values from ParseGC, which must succeed.
func mustParseGC(t *testing.T, call *Args) (*Config, *ValidAttachments) {
	t.Helper()
	conf, valid, err := ParseGC(call)
	if err != nil {
		t.Fatalf("ParseGC(%s)\nwant no error\ngot  %v", call.StdinData, err)
	}
	return conf, valid
}

// validAttachmentsOf returns the ValidAttachments of a network.
func validAttachmentsOf(t *testing.T, network, attachments string) *ValidAttachments {
	t.Helper()
	_, valid := mustParseGC(t, gcOf(network, attachments, ""))
	return valid
}

// aliasOf returns the alias of an attachment; tapName may be empty.
func aliasOf(network, containerID, ifName, tapName string) string {
	conf := &Config{Network: network, ContainerID: containerID, IfName: ifName, Tap: Tap{Name: ifName}}
	if tapName != "" {
		conf.Tap.Name = tapName
	}
	return conf.Alias()
}

func TestStale(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	const (
		stale  = true
		kept   = false
		idNet1 = `[{"containerID": "id", "ifname": "net1"}]`
	)
	tests := []struct {
		name, network, valid, alias string
		want                        bool
	}{
		{"not valid", "vms", `[]`, "tap/vms/id/net1", stale},
		{"not valid, null instead of a list", "vms", `null`, "tap/vms/id/net1", stale},
		{"not valid, another one is", "vms", `[{"containerID": "id2", "ifname": "net1"}]`, "tap/vms/id/net1", stale},
		{"valid", "vms", idNet1, "tap/vms/id/net1", kept},
		{"valid, second entry", "vms", `[{"containerID": "a", "ifname": "net1"}, {"containerID": "id", "ifname": "net1"}]`,
			"tap/vms/id/net1", kept},
		{"valid, listed twice", "vms", `[{"containerID": "id", "ifname": "net1"}, {"containerID": "id", "ifname": "net1"}]`,
			"tap/vms/id/net1", kept},
		{"another interface of the container is valid", "vms", idNet1, "tap/vms/id/net2", stale},
		{"interface name in another case is valid", "vms", idNet1, "tap/vms/id/NET1", stale},
		{"the same interface of another container is valid", "vms", idNet1, "tap/vms/other/net1", stale},
		{"container ID and interface name swapped", "vms", `[{"containerID": "net1", "ifname": "id"}]`, "tap/vms/id/net1", stale},
		{"prefix of the container ID is valid", "vms", idNet1, "tap/vms/id2/net1", stale},
		{"longer container ID is valid", "vms", `[{"containerID": "id2", "ifname": "net1"}]`, "tap/vms/id/net1", stale},
		{"prefix of the interface name is valid", "vms", idNet1, "tap/vms/id/net10", stale},
		{"container ID with dots, valid", "vms", `[{"containerID": "a.b", "ifname": "net1"}]`, "tap/vms/a.b/net1", kept},

		{"tapName, not valid", "vms", `[]`, "tap/vms/id/net1/tap0", stale},
		{"tapName, valid", "vms", idNet1, "tap/vms/id/net1/tap0", kept},
		{"another tapName, valid", "vms", idNet1, "tap/vms/id/net1/tap1", kept},
		{"tapName is the name of a valid interface", "vms", `[{"containerID": "id", "ifname": "tap0"}]`,
			"tap/vms/id/net1/tap0", stale},

		{"network a, own alias", "a", `[]`, "tap/a/id/net1", stale},
		{"network a, alias of ab", "a", `[]`, "tap/ab/id/net1", kept},
		{"network a, alias of a.b", "a", `[]`, "tap/a.b/id/net1", kept},
		{"network a, alias of a-b", "a", `[]`, "tap/a-b/id/net1", kept},
		{"network a, alias of A", "a", `[]`, "tap/A/id/net1", kept},
		{"network ab, own alias", "ab", `[]`, "tap/ab/id/net1", stale},
		{"network ab, alias of a", "ab", `[]`, "tap/a/id/net1", kept},
		{"network ab, alias of a.b", "ab", `[]`, "tap/a.b/id/net1", kept},
		{"network a.b, own alias", "a.b", `[]`, "tap/a.b/id/net1", stale},
		{"network a.b, alias of a", "a.b", `[]`, "tap/a/id/net1", kept},
		{"network a.b, alias of ab", "a.b", `[]`, "tap/ab/id/net1", kept},
		{"network a.b, alias of axb", "a.b", `[]`, "tap/axb/id/net1", kept},
		{"network a, container ID a of another network", "a", `[]`, "tap/b/a/net1", kept},
		{"network a, interface a of another network", "a", `[]`, "tap/b/id/a", kept},
		{"network a, tapName a of another network", "a", `[]`, "tap/b/id/net1/a", kept},
		{"network a, the same attachment of another network", "a", idNet1, "tap/b/id/net1", kept},
		{"network tap, own alias", "tap", `[]`, "tap/tap/id/net1", stale},
		{"network tap, container tap of another network", "tap", `[]`, "tap/vms/tap/net1", kept},

		{"container ID at the limit, not valid", "vms", `[]`, aliasOf("vms", x(107), "net1", ""), stale},
		{"container ID at the limit, valid", "vms", `[{"containerID": "` + x(107) + `", "ifname": "net1"}]`,
			aliasOf("vms", x(107), "net1", ""), kept},
		{"container ID hashed, not valid", "vms", `[]`, aliasOf("vms", x(108), "net1", ""), stale},
		{"container ID hashed, valid", "vms", `[{"containerID": "` + x(108) + `", "ifname": "net1"}]`,
			aliasOf("vms", x(108), "net1", ""), kept},
		{"container ID hashed, valid, with tapName", "vms", `[{"containerID": "` + x(108) + `", "ifname": "net1"}]`,
			aliasOf("vms", x(108), "net1", "tap0"), kept},
		{"container ID hashed, longer one is valid", "vms", `[{"containerID": "` + x(109) + `", "ifname": "net1"}]`,
			aliasOf("vms", x(108), "net1", ""), stale},
		{"container ID hashed, prefix of it is valid", "vms", `[{"containerID": "` + x(107) + `", "ifname": "net1"}]`,
			aliasOf("vms", x(108), "net1", ""), stale},
		{"network hashed, not valid", x(108), `[]`, aliasOf(x(108), "id", "net1", ""), stale},
		{"network hashed, valid", x(108), idNet1, aliasOf(x(108), "id", "net1", ""), kept},
		{"network hashed, alias of a shorter one", x(109), `[]`, aliasOf(x(108), "id", "net1", ""), kept},
		{"network hashed, alias of its beginning", x(108), `[]`, aliasOf(x(107), "id", "net1", ""), kept},
		{"network at the limit, own alias", x(107), `[]`, aliasOf(x(107), "id", "net1", ""), stale},
		{"network at the limit, alias of a longer one", x(107), `[]`, aliasOf(x(108), "id", "net1", ""), kept},
		{"both hashed, not valid", x(200), `[]`, aliasOf(x(200), x(201), "net1", "tap0"), stale},
		{"both hashed, valid", x(200), `[{"containerID": "` + x(201) + `", "ifname": "net1"}]`,
			aliasOf(x(200), x(201), "net1", "tap0"), kept},

		{"no alias", "vms", `[]`, "", kept},
		{"alias set by an operator", "vms", `[]`, "uplink of vms", kept},
		{"only the network name", "vms", `[]`, "vms", kept},
		{"only the plugin name", "vms", `[]`, "tap", kept},
		{"only slashes", "vms", `[]`, "///", kept},
		{"alias of another plugin", "vms", `[]`, "bridge/vms/id/net1", kept},
		{"alias of a plugin tap2", "vms", `[]`, "tap2/vms/id/net1", kept},
		{"alias of a plugin TAP", "vms", `[]`, "TAP/vms/id/net1", kept},
		{"alias of an egress device", "vms", `[]`, "ifb/vms/id/net1", kept},
		{"leading slash", "vms", `[]`, "/tap/vms/id/net1", kept},
		{"leading space", "vms", `[]`, " tap/vms/id/net1", kept},
		{"without the plugin name", "vms", `[]`, "vms/id/net1", kept},
		{"two fields", "vms", `[]`, "tap/vms", kept},
		{"three fields", "vms", `[]`, "tap/vms/id", kept},
		{"six fields", "vms", `[]`, "tap/vms/id/net1/tap0/x", kept},
		{"empty network", "vms", `[]`, "tap//id/net1", kept},
		{"another separator", "vms", `[]`, "tap:vms:id:net1", kept},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := validAttachmentsOf(t, tt.network, tt.valid).Stale(tt.alias); got != tt.want {
				t.Errorf("Stale(%q) in %s, valid attachments %s\nwant %v\ngot  %v", tt.alias, tt.network, tt.valid, tt.want, got)
			}
		})
	}
}

func TestIsEgress(t *testing.T) {
	x := strings.Repeat("x", 108)
	tap := func(network string) string { return aliasOf(network, "id", "net1", "") }
	name := func(network string) string { return EgressName(tap(network)) }
	tests := []struct {
		name, network, device, alias string
		want                         bool
	}{
		{"own", "vms", name("vms"), EgressAlias(tap("vms")), true},
		{"own, no alias yet", "vms", name("vms"), "", true},
		{"own, with tapName", "vms", EgressName(tap("vms") + "/tap0"), EgressAlias(tap("vms") + "/tap0"),
			true},
		{"own, network hashed", x, name(x), EgressAlias(tap(x)), true},
		{"own, network hashed, no alias yet", x, name(x), "", true},

		{"another network", "vms", name("guests"), EgressAlias(tap("guests")), false},
		{"another network, no alias yet", "vms", name("guests"), "", false},
		{"another network, with the name of the own one", "vms", name("vms"), EgressAlias(tap("guests")), false},
		{"another network, whose name begins with the own name", "vms", name("vms"), EgressAlias(tap("vms2")), false},
		{"another network, whose name is a prefix of the own name", "vms2", name("vms2"), EgressAlias(tap("vms")), false},
		{"another network, hashed", x, name(x + "x"), EgressAlias(tap(x + "x")), false},
		{"another network, container named like the own network", "vms", name("vms"), "ifb/guests/vms/net1", false},
		{"another network, with the alias of the own one", "vms", name("guests"), EgressAlias(tap("vms")), false},

		{"alias of the tap", "vms", name("vms"), tap("vms"), false},
		{"alias set by an operator", "vms", name("vms"), "ifb of vms", false},
		{"alias has only the network", "vms", name("vms"), "ifb/vms", false},
		{"device created by the ifb module", "vms", "ifb0", "", false},
		{"device created by the ifb module, with an own alias", "vms", "ifb0", EgressAlias(tap("vms")), false},
		{"no name", "vms", "", "", false},
		{"name too short", "vms", name("vms")[:14], "", false},
		{"name too long", "vms", name("vms") + "a", "", false},
		{"name shifted", "vms", "a" + name("vms")[:14], "", false},
		{"name of a tap", "vms", "net1", tap("vms"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := validAttachmentsOf(t, tt.network, `[]`).IsEgress(tt.device, tt.alias); got != tt.want {
				t.Errorf("IsEgress(%q, %q) in %s\nwant %v\ngot  %v", tt.device, tt.alias, tt.network, tt.want, got)
			}
		})
	}
}

// IsEgress does not depend on whether the attachment is valid: that is decided by its tap.
func TestIsEgressOfValidAttachment(t *testing.T) {
	alias := aliasOf("vms", "id", "net1", "")
	valid := validAttachmentsOf(t, "vms", `[{"containerID": "id", "ifname": "net1"}]`)
	if !valid.IsEgress(EgressName(alias), EgressAlias(alias)) {
		t.Error("IsEgress of the device of a valid attachment\nwant true\ngot  false")
	}
}

func TestParseGC(t *testing.T) {
	conf, valid := mustParseGC(t, gcOf("vms", `[{"containerID": "id", "ifname": "net1"}]`,
		`"netnsDirs": ["/run/docker/netns"], "ipam": {"type": "host-local"}`))
	if conf.Network != "vms" || conf.CNIVersion != "1.1.0" || conf.IPAM != "host-local" || len(conf.NetnsDirs) != 1 {
		t.Errorf("Config\nwant vms, 1.1.0, host-local, one directory\ngot  %+v", conf)
	}
	if valid.Stale("tap/vms/id/net1") || !valid.Stale("tap/vms/id/net2") {
		t.Errorf("ValidAttachments\nwant net1 valid and net2 not\ngot  %+v", valid)
	}
}

func TestParseGCAttachments(t *testing.T) {
	const none, net1, net2 = `[]`, `[{"containerID": "id", "ifname": "net1"}]`, `[{"containerID": "id", "ifname": "net2"}]`
	tests := []struct {
		name, members string
		valid         bool // tap/vms/id/net1
	}{
		{"empty", `"cni.dev/valid-attachments": ` + none, false},
		{"null", `"cni.dev/valid-attachments": null`, false},
		{"one", `"cni.dev/valid-attachments": ` + net1, true},
		{"another", `"cni.dev/valid-attachments": ` + net2, false},
		{"draft name, empty", `"cni.dev/attachments": ` + none, false},
		{"draft name, null", `"cni.dev/attachments": null`, false},
		{"draft name, one", `"cni.dev/attachments": ` + net1, true},
		{"both names, as libcni passes them", `"cni.dev/attachments": ` + net1 + `, "cni.dev/valid-attachments": ` + net1, true},
		{"both names, the specified one applies", `"cni.dev/attachments": ` + net2 + `, "cni.dev/valid-attachments": ` + net1,
			true},
		{"both names, the specified one applies if empty",
			`"cni.dev/valid-attachments": ` + none + `, "cni.dev/attachments": ` + net1, false},
		{"both names, the draft one is not decoded", `"cni.dev/valid-attachments": ` + net1 + `, "cni.dev/attachments": 5`,
			true},
		{"unknown key", `"cni.dev/valid-attachments": [{"containerID": "id", "ifname": "net1", "netns": "/n"}]`, true},
		{"keys of an entry in another case", `"cni.dev/valid-attachments": [{"containerid": "id", "ifName": "net1"}]`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, valid := mustParseGC(t, callOf(vmsWith(tt.members)))
			if got := !valid.Stale("tap/vms/id/net1"); got != tt.valid {
				t.Errorf("tap/vms/id/net1 valid\nwant %v\ngot  %v", tt.valid, got)
			}
		})
	}
}

// An invalid list must not be treated as empty: GC would remove every tap of the network.
func TestParseGCInvalidAttachmentsRefused(t *testing.T) {
	const good = `{"containerID": "id", "ifname": "net1"}`
	tests := []struct{ name, list string }{
		{"number", `5`},
		{"string", `"id"`},
		{"bool", `false`},
		{"object", `{}`},
		{"one entry instead of a list", good},
		{"list of strings", `["id"]`},
		{"list of lists", `[[]]`},
		{"containerID number", `[{"containerID": 5, "ifname": "net1"}]`},
		{"ifname number", `[{"containerID": "id", "ifname": 5}]`},
		{"entry null", `[null]`},
		{"entry empty", `[{}]`},
		{"containerID empty", `[{"containerID": "", "ifname": "net1"}]`},
		{"containerID null", `[{"containerID": null, "ifname": "net1"}]`},
		{"containerID absent", `[{"ifname": "net1"}]`},
		{"ifname empty", `[{"containerID": "id", "ifname": ""}]`},
		{"ifname null", `[{"containerID": "id", "ifname": null}]`},
		{"ifname absent", `[{"containerID": "id"}]`},
		{"ifname under another name", `[{"containerID": "id", "interface": "net1"}]`},
		{"second entry null", `[` + good + `, null]`},
		{"second entry with empty ifname", `[` + good + `, {"containerID": "id", "ifname": ""}]`},
	}
	for _, tt := range tests {
		for _, key := range []string{"cni.dev/valid-attachments", "cni.dev/attachments"} {
			t.Run(tt.name+"/"+key, func(t *testing.T) {
				_, valid, err := ParseGC(callOf(vmsWith(`"` + key + `": ` + tt.list)))
				if valid != nil {
					t.Errorf("ValidAttachments returned with an error\nwant nil\ngot  %+v", valid)
				}
				wantKeyError(t, err, "cni.dev/valid-attachments", tt.list, "containerID and ifname")
			})
		}
	}
}

func TestParseGCMissingAttachmentsRefused(t *testing.T) {
	for name, members := range map[string]string{
		"no list": ``, "similar names": `"valid-attachments": [], "attachments": [], "cni.dev/attachment": []`,
	} {
		t.Run(name, func(t *testing.T) {
			_, valid, err := ParseGC(callOf(vmsWith(members)))
			if valid != nil {
				t.Errorf("ValidAttachments returned with an error\nwant nil\ngot  %+v", valid)
			}
			wantKeyError(t, err, "cni.dev/valid-attachments", "none", "[] or null")
			wantText(t, err, "which attachments to keep")
		})
	}
}

func TestParseGCIgnoresOtherKeys(t *testing.T) {
	const attachments = `[{"containerID": "id", "ifname": "net1"}]`
	tests := []struct{ name, members string }{
		{"mtu", `"mtu": 1`},
		{"multiQueue", `"multiQueue": "yes"`},
		{"mac", `"mac": 7`},
		{"owner", `"owner": -1`},
		{"group", `"group": {}`},
		{"selinuxContext", `"selinuxContext": 1`},
		{"bridge", `"bridge": "a/b"`},
		{"isolated", `"isolated": true`},
		{"vlan", `"vlan": 5000`},
		{"vlanTrunk", `"vlanTrunk": [{}]`},
		{"preserveDefaultVlan", `"preserveDefaultVlan": 1`},
		{"txQueueLen", `"txQueueLen": 0`},
		{"promisc", `"promiscMode": true, "promisc": false`},
		{"allmulti", `"allmulti": 1`},
		{"tapName", `"tapName": "a/b"`},
		{"tapName without previous plugin", `"tapName": "tap0"`},
		{"bandwidth", `"bandwidth": {"ingressRate": -1}`},
		{"dns", `"dns": []`},
		{"args", `"args": 1`},
		{"runtimeConfig", `"runtimeConfig": 1`},
		{"prevResult", `"prevResult": 5`},
		{"plugins", `"plugins": []`},
		{"version whose result cannot describe a tap", `"cniVersion": "0.1.0"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := gcOf("vms", attachments, tt.members)
			call.Args = "nonsense"
			conf, valid := mustParseGC(t, call)
			if conf.Network != "vms" || valid.Stale("tap/vms/id/net1") || !valid.Stale("tap/vms/id/net2") {
				t.Errorf("ParseGC with invalid %s\nwant net1 of vms valid, net2 not\ngot  %+v, %+v", tt.name, conf, valid)
			}
		})
	}
}

func TestParseGCInvalidKeyRefused(t *testing.T) {
	tests := []struct{ name, members, key, value, allowed string }{
		{"netnsDirs", `"netnsDirs": "/run/netns"`, "netnsDirs", `"/run/netns"`, "absolute paths"},
		{"ipam", `"ipam": "host-local"`, "ipam", `"host-local"`, "object"},
		{"ipam.type", `"ipam": {"type": "../host-local"}`, "ipam.type", `"../host-local"`, "bare file name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf, valid, err := ParseGC(gcOf("vms", `[]`, tt.members))
			if conf != nil || valid != nil {
				t.Errorf("Config and ValidAttachments returned with an error\nwant nil\ngot  %+v, %+v", conf, valid)
			}
			wantKeyError(t, err, tt.key, tt.value, tt.allowed)
		})
	}
}
