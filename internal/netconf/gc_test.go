package netconf

import (
	"strings"
	"testing"
)

// gcOf is a runtime's GC of a network: the attachments that it knows of, and more
// keys, written as JSON.
func gcOf(network, attachments, members string) *Args {
	if members != "" {
		members = ", " + members
	}
	return &Args{StdinData: []byte(
		`{"cniVersion": "1.1.0", "name": "` + network + `", "type": "tap", "cni.dev/valid-attachments": ` + attachments + members + `}`)}
}

// mustParseGC parses what has to be right.
func mustParseGC(t *testing.T, call *Args) (*Config, *ValidAttachments) {
	t.Helper()
	conf, valid, err := ParseGC(call)
	if err != nil {
		t.Fatalf("ParseGC(%s)\nwant no error\ngot  %v", call.StdinData, err)
	}
	return conf, valid
}

// validAttachmentsOf is that of a network of which the runtime knows these attachments.
func validAttachmentsOf(t *testing.T, network, attachments string) *ValidAttachments {
	t.Helper()
	_, valid := mustParseGC(t, gcOf(network, attachments, ""))
	return valid
}

// aliasOf is the alias of an attachment; tapName may be empty.
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
		stale = true
		kept  = false
	)
	tests := []struct {
		name, network, known, alias string
		want                        bool
	}{
		{"unknown", "vms", `[]`, "tap/vms/id/net1", stale},
		{"unknown, null instead of a list", "vms", `null`, "tap/vms/id/net1", stale},
		{"unknown among others", "vms", `[{"containerID": "id2", "ifname": "net1"}]`, "tap/vms/id/net1", stale},
		{"known", "vms", `[{"containerID": "id", "ifname": "net1"}]`, "tap/vms/id/net1", kept},
		{"known, the second", "vms", `[{"containerID": "a", "ifname": "net1"}, {"containerID": "id", "ifname": "net1"}]`, "tap/vms/id/net1", kept},
		{"known twice", "vms", `[{"containerID": "id", "ifname": "net1"}, {"containerID": "id", "ifname": "net1"}]`, "tap/vms/id/net1", kept},
		{"another interface of a known container", "vms", `[{"containerID": "id", "ifname": "net1"}]`, "tap/vms/id/net2", stale},
		{"the interface's name in another case", "vms", `[{"containerID": "id", "ifname": "net1"}]`, "tap/vms/id/NET1", stale},
		{"the same interface of another container", "vms", `[{"containerID": "id", "ifname": "net1"}]`, "tap/vms/other/net1", stale},
		{"interface and container exchanged", "vms", `[{"containerID": "net1", "ifname": "id"}]`, "tap/vms/id/net1", stale},
		{"container ID that begins like a known one", "vms", `[{"containerID": "id", "ifname": "net1"}]`, "tap/vms/id2/net1", stale},
		{"container ID that a known one begins with", "vms", `[{"containerID": "id2", "ifname": "net1"}]`, "tap/vms/id/net1", stale},
		{"interface that begins like a known one", "vms", `[{"containerID": "id", "ifname": "net1"}]`, "tap/vms/id/net10", stale},
		{"container ID with dots, known", "vms", `[{"containerID": "a.b", "ifname": "net1"}]`, "tap/vms/a.b/net1", kept},

		{"tapName, unknown", "vms", `[]`, "tap/vms/id/net1/tap0", stale},
		{"tapName, known", "vms", `[{"containerID": "id", "ifname": "net1"}]`, "tap/vms/id/net1/tap0", kept},
		{"tapName, known without", "vms", `[{"containerID": "id", "ifname": "net1"}]`, "tap/vms/id/net1/tap1", kept},
		{"tapName of a known interface's name, unknown", "vms", `[{"containerID": "id", "ifname": "tap0"}]`, "tap/vms/id/net1/tap0", stale},

		{"network a, its own", "a", `[]`, "tap/a/id/net1", stale},
		{"network a, that of ab", "a", `[]`, "tap/ab/id/net1", kept},
		{"network a, that of a.b", "a", `[]`, "tap/a.b/id/net1", kept},
		{"network a, that of a-b", "a", `[]`, "tap/a-b/id/net1", kept},
		{"network a, that of A", "a", `[]`, "tap/A/id/net1", kept},
		{"network ab, its own", "ab", `[]`, "tap/ab/id/net1", stale},
		{"network ab, that of a", "ab", `[]`, "tap/a/id/net1", kept},
		{"network ab, that of a.b", "ab", `[]`, "tap/a.b/id/net1", kept},
		{"network a.b, its own", "a.b", `[]`, "tap/a.b/id/net1", stale},
		{"network a.b, that of a", "a.b", `[]`, "tap/a/id/net1", kept},
		{"network a.b, that of ab", "a.b", `[]`, "tap/ab/id/net1", kept},
		{"network a.b, that of axb", "a.b", `[]`, "tap/axb/id/net1", kept},
		{"network a, container ID a of another", "a", `[]`, "tap/b/a/net1", kept},
		{"network a, interface a of another", "a", `[]`, "tap/b/id/a", kept},
		{"network a, tapName a of another", "a", `[]`, "tap/b/id/net1/a", kept},
		{"network a, an attachment known in it, that of another", "a", `[{"containerID": "id", "ifname": "net1"}]`, "tap/b/id/net1", kept},
		{"network tap, its own", "tap", `[]`, "tap/tap/id/net1", stale},
		{"network tap, that of another", "tap", `[]`, "tap/vms/tap/net1", kept},

		{"container ID at the limit, unknown", "vms", `[]`, aliasOf("vms", x(107), "net1", ""), stale},
		{"container ID at the limit, known", "vms", `[{"containerID": "` + x(107) + `", "ifname": "net1"}]`, aliasOf("vms", x(107), "net1", ""), kept},
		{"container ID hashed, unknown", "vms", `[]`, aliasOf("vms", x(108), "net1", ""), stale},
		{"container ID hashed, known", "vms", `[{"containerID": "` + x(108) + `", "ifname": "net1"}]`, aliasOf("vms", x(108), "net1", ""), kept},
		{"container ID hashed, known, with tapName", "vms", `[{"containerID": "` + x(108) + `", "ifname": "net1"}]`, aliasOf("vms", x(108), "net1", "tap0"), kept},
		{"container ID hashed, that of a longer one known", "vms", `[{"containerID": "` + x(109) + `", "ifname": "net1"}]`, aliasOf("vms", x(108), "net1", ""), stale},
		{"container ID hashed, its beginning known", "vms", `[{"containerID": "` + x(107) + `", "ifname": "net1"}]`, aliasOf("vms", x(108), "net1", ""), stale},
		{"network hashed, unknown", x(108), `[]`, aliasOf(x(108), "id", "net1", ""), stale},
		{"network hashed, known", x(108), `[{"containerID": "id", "ifname": "net1"}]`, aliasOf(x(108), "id", "net1", ""), kept},
		{"network hashed, that of a longer one", x(109), `[]`, aliasOf(x(108), "id", "net1", ""), kept},
		{"network hashed, that of its beginning", x(108), `[]`, aliasOf(x(107), "id", "net1", ""), kept},
		{"network at the limit, its own", x(107), `[]`, aliasOf(x(107), "id", "net1", ""), stale},
		{"network at the limit, that of a longer one", x(107), `[]`, aliasOf(x(108), "id", "net1", ""), kept},
		{"both hashed, unknown", x(200), `[]`, aliasOf(x(200), x(201), "net1", "tap0"), stale},
		{"both hashed, known", x(200), `[{"containerID": "` + x(201) + `", "ifname": "net1"}]`, aliasOf(x(200), x(201), "net1", "tap0"), kept},

		{"none", "vms", `[]`, "", kept},
		{"an operator's", "vms", `[]`, "uplink of vms", kept},
		{"the network's name alone", "vms", `[]`, "vms", kept},
		{"the plugin's name alone", "vms", `[]`, "tap", kept},
		{"slashes alone", "vms", `[]`, "///", kept},
		{"another plugin's", "vms", `[]`, "bridge/vms/id/net1", kept},
		{"another plugin's, which begins like this one's", "vms", `[]`, "tap2/vms/id/net1", kept},
		{"another plugin's in upper case", "vms", `[]`, "TAP/vms/id/net1", kept},
		{"that of an egress device", "vms", `[]`, "ifb/vms/id/net1", kept},
		{"a path", "vms", `[]`, "/tap/vms/id/net1", kept},
		{"padded", "vms", `[]`, " tap/vms/id/net1", kept},
		{"without the plugin", "vms", `[]`, "vms/id/net1", kept},
		{"two fields", "vms", `[]`, "tap/vms", kept},
		{"three fields", "vms", `[]`, "tap/vms/id", kept},
		{"six fields", "vms", `[]`, "tap/vms/id/net1/tap0/x", kept},
		{"empty network", "vms", `[]`, "tap//id/net1", kept},
		{"another separator", "vms", `[]`, "tap:vms:id:net1", kept},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := validAttachmentsOf(t, tt.network, tt.known).Stale(tt.alias); got != tt.want {
				t.Errorf("Stale(%q) in %s, of which is known %s\nwant %v\ngot  %v", tt.alias, tt.network, tt.known, tt.want, got)
			}
		})
	}
}

func TestEgress(t *testing.T) {
	x := strings.Repeat("x", 108)
	tap := func(network string) string { return aliasOf(network, "id", "net1", "") }
	name := func(network string) string { return EgressName(tap(network)) }
	tests := []struct {
		name, network, device, alias string
		want                         bool
	}{
		{"its own", "vms", name("vms"), EgressAlias(tap("vms")), true},
		{"its own, just born", "vms", name("vms"), "", true},
		{"its own, of a tap beside the interface", "vms", EgressName(tap("vms") + "/tap0"), EgressAlias(tap("vms") + "/tap0"), true},
		{"its own, network hashed", x, name(x), EgressAlias(tap(x)), true},
		{"its own, network hashed, just born", x, name(x), "", true},

		{"another network's", "vms", name("guests"), EgressAlias(tap("guests")), false},
		{"another network's, just born", "vms", name("guests"), "", false},
		{"another network's with a name like its own", "vms", name("vms"), EgressAlias(tap("guests")), false},
		{"another network's, of which its own is the beginning", "vms", name("vms"), EgressAlias(tap("vms2")), false},
		{"another network's that is the beginning of its own", "vms2", name("vms2"), EgressAlias(tap("vms")), false},
		{"another network's, hashed", x, name(x + "x"), EgressAlias(tap(x + "x")), false},
		{"another network's with a container of this one's name", "vms", name("vms"), "ifb/guests/vms/net1", false},
		{"a name of another network with an alias of its own", "vms", name("guests"), EgressAlias(tap("vms")), false},

		{"the tap's alias", "vms", name("vms"), tap("vms"), false},
		{"an operator's alias", "vms", name("vms"), "ifb of vms", false},
		{"the network alone", "vms", name("vms"), "ifb/vms", false},
		{"the kernel's own device", "vms", "ifb0", "", false},
		{"the kernel's own device with its alias", "vms", "ifb0", EgressAlias(tap("vms")), false},
		{"no name", "vms", "", "", false},
		{"a name cut short", "vms", name("vms")[:14], "", false},
		{"a name with more behind it", "vms", name("vms") + "a", "", false},
		{"a name with more before it", "vms", "a" + name("vms")[:14], "", false},
		{"a tap's name", "vms", "net1", tap("vms"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := validAttachmentsOf(t, tt.network, `[]`).IsEgress(tt.device, tt.alias); got != tt.want {
				t.Errorf("IsEgress(%q, %q) in %s\nwant %v\ngot  %v", tt.device, tt.alias, tt.network, tt.want, got)
			}
		})
	}
}

// Whether its attachment is known is no matter of the device's, but of its tap.
func TestEgressOfAKnownAttachmentIsOneToo(t *testing.T) {
	alias := aliasOf("vms", "id", "net1", "")
	if !validAttachmentsOf(t, "vms", `[{"containerID": "id", "ifname": "net1"}]`).IsEgress(EgressName(alias), EgressAlias(alias)) {
		t.Error("IsEgress of a known attachment's device\nwant true\ngot  false")
	}
}

func TestParseGC(t *testing.T) {
	conf, valid := mustParseGC(t, gcOf("vms", `[{"containerID": "id", "ifname": "net1"}]`,
		`"netnsDirs": ["/run/docker/netns"], "ipam": {"type": "host-local"}`))
	if conf.Network != "vms" || conf.CNIVersion != "1.1.0" || conf.IPAM != "host-local" || len(conf.NetnsDirs) != 1 {
		t.Errorf("Config\nwant vms, 1.1.0, host-local, one folder\ngot  %+v", conf)
	}
	if valid.Stale("tap/vms/id/net1") || !valid.Stale("tap/vms/id/net2") {
		t.Errorf("ValidAttachments\nwant net1 known and net2 not\ngot  %+v", valid)
	}
}

func TestParseGCAttachments(t *testing.T) {
	const none, net1, net2 = `[]`, `[{"containerID": "id", "ifname": "net1"}]`, `[{"containerID": "id", "ifname": "net2"}]`
	tests := []struct {
		name, members string
		known         bool // tap/vms/id/net1
	}{
		{"empty", `"cni.dev/valid-attachments": ` + none, false},
		{"null", `"cni.dev/valid-attachments": null`, false},
		{"one", `"cni.dev/valid-attachments": ` + net1, true},
		{"another", `"cni.dev/valid-attachments": ` + net2, false},
		{"the draft's name, empty", `"cni.dev/attachments": ` + none, false},
		{"the draft's name, null", `"cni.dev/attachments": null`, false},
		{"the draft's name, one", `"cni.dev/attachments": ` + net1, true},
		{"both names, as libcni has it", `"cni.dev/attachments": ` + net1 + `, "cni.dev/valid-attachments": ` + net1, true},
		{"both names: the specification's counts", `"cni.dev/attachments": ` + net2 + `, "cni.dev/valid-attachments": ` + net1, true},
		{"both names: the specification's counts although empty", `"cni.dev/valid-attachments": ` + none + `, "cni.dev/attachments": ` + net1, false},
		{"both names: what does not count is not read", `"cni.dev/valid-attachments": ` + net1 + `, "cni.dev/attachments": 5`, true},
		{"more in an entry", `"cni.dev/valid-attachments": [{"containerID": "id", "ifname": "net1", "netns": "/run/netns/pod"}]`, true},
		{"entry in another case", `"cni.dev/valid-attachments": [{"containerid": "id", "ifName": "net1"}]`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, valid := mustParseGC(t, callOf(vmsWith(tt.members)))
			if got := !valid.Stale("tap/vms/id/net1"); got != tt.known {
				t.Errorf("tap/vms/id/net1 known\nwant %v\ngot  %v", tt.known, got)
			}
		})
	}
}

// A list that was not understood must not be taken for an empty one: all would be garbage.
func TestParseGCRefused(t *testing.T) {
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
		{"entry null behind a good one", `[` + good + `, null]`},
		{"ifname empty behind a good one", `[` + good + `, {"containerID": "id", "ifname": ""}]`},
	}
	for _, tt := range tests {
		for _, key := range []string{"cni.dev/valid-attachments", "cni.dev/attachments"} {
			t.Run(tt.name+"/"+key, func(t *testing.T) {
				_, valid, err := ParseGC(callOf(vmsWith(`"` + key + `": ` + tt.list)))
				if valid != nil {
					t.Errorf("ValidAttachments beside an error\nwant nil\ngot  %+v", valid)
				}
				wantKeyError(t, err, "cni.dev/valid-attachments", tt.list, "containerID and ifname")
			})
		}
	}
}

func TestParseGCWithoutAttachmentsIsRefused(t *testing.T) {
	for name, members := range map[string]string{
		"no list": ``, "similar names": `"valid-attachments": [], "attachments": [], "cni.dev/attachment": []`,
	} {
		t.Run(name, func(t *testing.T) {
			_, valid, err := ParseGC(callOf(vmsWith(members)))
			if valid != nil {
				t.Errorf("ValidAttachments beside an error\nwant nil\ngot  %+v", valid)
			}
			wantKeyError(t, err, "cni.dev/valid-attachments", "none", "[] or null")
			wantText(t, err, "which attachments to keep")
		})
	}
}

func TestParseGCReadsOnlyWhatGCActsOn(t *testing.T) {
	const known = `[{"containerID": "id", "ifname": "net1"}]`
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
		{"tapName without chain", `"tapName": "tap0"`},
		{"bandwidth", `"bandwidth": {"ingressRate": -1}`},
		{"dns", `"dns": []`},
		{"args", `"args": 1`},
		{"runtimeConfig", `"runtimeConfig": 1`},
		{"prevResult", `"prevResult": 5`},
		{"plugins", `"plugins": []`},
		{"a version whose result could not say it", `"cniVersion": "0.1.0"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := gcOf("vms", known, tt.members)
			call.Args = "nonsense"
			conf, valid := mustParseGC(t, call)
			if conf.Network != "vms" || valid.Stale("tap/vms/id/net1") || !valid.Stale("tap/vms/id/net2") {
				t.Errorf("ParseGC beside a bad %s\nwant net1 of vms known, net2 not\ngot  %+v, %+v", tt.name, conf, valid)
			}
		})
	}
}

func TestParseGCUnreadableKeyIsRefused(t *testing.T) {
	tests := []struct{ name, members, key, value, allowed string }{
		{"netnsDirs", `"netnsDirs": "/run/netns"`, "netnsDirs", `"/run/netns"`, "absolute paths"},
		{"ipam", `"ipam": "host-local"`, "ipam", `"host-local"`, "object"},
		{"ipam.type", `"ipam": {"type": "../host-local"}`, "ipam.type", `"../host-local"`, "bare file name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf, valid, err := ParseGC(gcOf("vms", `[]`, tt.members))
			if conf != nil || valid != nil {
				t.Errorf("what GC would act on, beside an error\nwant nil\ngot  %+v, %+v", conf, valid)
			}
			wantKeyError(t, err, tt.key, tt.value, tt.allowed)
		})
	}
}
