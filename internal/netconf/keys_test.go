package netconf

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

func TestParseKey(t *testing.T) {
	tests := []struct {
		name, members string
		want          Tap
	}{
		{"none", ``, Tap{}},

		{"multiQueue true", `"multiQueue": true`, Tap{MultiQueue: true}},
		{"multiQueue false", `"multiQueue": false`, Tap{}},
		{"multiQueue null", `"multiQueue": null`, Tap{}},

		{"mtu 0 is the default", `"mtu": 0`, Tap{}},
		{"mtu smallest", `"mtu": 68`, Tap{MTU: 68}},
		{"mtu largest", `"mtu": 65521`, Tap{MTU: 65521}},
		{"mtu null", `"mtu": null`, Tap{}},

		{"txQueueLen smallest", `"txQueueLen": 1`, Tap{TxQueueLen: 1}},
		{"txQueueLen largest", `"txQueueLen": 65536`, Tap{TxQueueLen: 65536}},
		{"txQueueLen null", `"txQueueLen": null`, Tap{}},

		{"owner root", `"owner": 0`, Tap{Owner: ptr(uint32(0))}},
		{"owner largest", `"owner": 4294967294`, Tap{Owner: ptr(uint32(4294967294))}},
		{"owner null", `"owner": null`, Tap{}},
		{"group root", `"group": 0`, Tap{Group: ptr(uint32(0))}},
		{"group largest", `"group": 4294967294`, Tap{Group: ptr(uint32(4294967294))}},
		{"group null", `"group": null`, Tap{}},
		{"owner and group", `"owner": 1000, "group": 36`, Tap{Owner: ptr(uint32(1000)), Group: ptr(uint32(36))}},

		{"selinuxContext", `"selinuxContext": "u:r:t:s0:c1,c2"`, Tap{Label: "u:r:t:s0:c1,c2"}},
		{"selinuxContext empty", `"selinuxContext": ""`, Tap{}},
		{"selinuxContext null", `"selinuxContext": null`, Tap{}},

		{"bridge", `"bridge": "br0"`, Tap{Bridge: "br0"}},
		{"bridge empty", `"bridge": ""`, Tap{}},
		{"bridge null", `"bridge": null`, Tap{}},

		{"isolated true", `"bridge": "br0", "isolated": true`, Tap{Bridge: "br0", Isolated: true}},
		{"isolated false", `"bridge": "br0", "isolated": false`, Tap{Bridge: "br0"}},
		{"isolated false without bridge", `"isolated": false`, Tap{}},
		{"isolated null without bridge", `"isolated": null`, Tap{}},

		{"forward", `"forward": true`, Tap{Forward: true}},
		{"forward false", `"forward": false`, Tap{}},
		{"forward null", `"forward": null`, Tap{}},
		{"forward false with bridge", `"bridge": "br0", "forward": false`, Tap{Bridge: "br0"}},
		{"acceptRA", `"acceptRA": true`, Tap{AcceptRA: true}},
		{"acceptRA false with bridge", `"bridge": "br0", "acceptRA": false`, Tap{Bridge: "br0"}},
		{"acceptRA null", `"acceptRA": null`, Tap{}},

		{"promiscMode true", `"promiscMode": true`, Tap{Promisc: true}},
		{"promiscMode false", `"promiscMode": false`, Tap{}},
		{"promiscMode null", `"promiscMode": null`, Tap{}},
		{"promisc true", `"promisc": true`, Tap{Promisc: true}},
		{"promisc false", `"promisc": false`, Tap{}},
		{"promisc null", `"promisc": null`, Tap{}},
		{"promiscMode and promisc true", `"promiscMode": true, "promisc": true`, Tap{Promisc: true}},
		{"promiscMode and promisc false", `"promiscMode": false, "promisc": false`, Tap{}},
		{"promiscMode null, promisc true", `"promiscMode": null, "promisc": true`, Tap{Promisc: true}},
		{"promiscMode true, promisc null", `"promiscMode": true, "promisc": null`, Tap{Promisc: true}},

		{"allmulti true", `"allmulti": true`, Tap{AllMulti: true}},
		{"allmulti false", `"allmulti": false`, Tap{}},
		{"allmulti null", `"allmulti": null`, Tap{}},
		{"promisc and allmulti", `"promisc": true, "allmulti": true`, Tap{Promisc: true, AllMulti: true}},

		{"mac null", `"mac": null`, Tap{}},
		{"mac empty", `"mac": ""`, Tap{}},
		{"args null", `"args": null`, Tap{}},
		{"runtimeConfig null", `"runtimeConfig": null`, Tap{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(tt.members))
			tt.want.Name = call.IfName
			if got := mustParse(t, call).Tap; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Tap of %s\nwant %+v\ngot  %+v", tt.members, tt.want, got)
			}
		})
	}
}

func TestParseKeyRefused(t *testing.T) {
	const id = "0 to 4294967294"
	tests := []struct{ name, key, value, allowed string }{
		{"multiQueue string", "multiQueue", `"true"`, "true or false"},
		{"multiQueue number", "multiQueue", `1`, "true or false"},

		{"mtu below the minimum", "mtu", `67`, "68 to 65521"},
		{"mtu above the maximum", "mtu", `65522`, "68 to 65521"},
		{"mtu negative", "mtu", `-1`, "68 to 65521"},
		{"mtu 1", "mtu", `1`, "or 0"},
		{"mtu fraction", "mtu", `1500.5`, "68 to 65521"},
		{"mtu string", "mtu", `"1500"`, "68 to 65521"},
		{"mtu does not fit 64 bits", "mtu", `99999999999999999999`, "68 to 65521"},
		{"mtu that wraps to a valid one at 32 bits", "mtu", `4294968796`, "68 to 65521"},
		{"mtu bool", "mtu", `true`, "68 to 65521"},
		{"mtu array", "mtu", `[1500]`, "68 to 65521"},

		{"txQueueLen 0", "txQueueLen", `0`, "1 to 65536"},
		{"txQueueLen above the maximum", "txQueueLen", `65537`, "1 to 65536"},
		{"txQueueLen negative", "txQueueLen", `-1`, "1 to 65536"},
		{"txQueueLen string", "txQueueLen", `"1000"`, "1 to 65536"},
		{"txQueueLen fraction", "txQueueLen", `0.5`, "1 to 65536"},

		{"owner (uid_t)-1", "owner", `4294967295`, id},
		{"owner negative", "owner", `-1`, id},
		{"owner string", "owner", `"1000"`, id},
		{"owner name", "owner", `"qemu"`, id},
		{"owner fraction", "owner", `0.1`, id},
		{"owner that wraps to root", "owner", `4294967296`, id},
		{"group (gid_t)-1", "group", `4294967295`, id},
		{"group negative", "group", `-1`, id},
		{"group string", "group", `"36"`, id},
		{"group that wraps to root", "group", `4294967296`, id},

		{"selinuxContext number", "selinuxContext", `5`, "SELinux context"},
		{"selinuxContext object", "selinuxContext", `{}`, "SELinux context"},
		{"selinuxContext with NUL", "selinuxContext", `"u:r:t:s0\u0000"`, "SELinux context"},
		{"selinuxContext newline, which clears the label", "selinuxContext", `"\n"`, "SELinux context"},
		{"selinuxContext with a leading newline", "selinuxContext", `"\nu:r:t:s0"`, "SELinux context"},
		{"selinuxContext with a trailing newline", "selinuxContext", `"u:r:t:s0\n"`, "SELinux context"},

		{"bridge number", "bridge", `0`, "name of a bridge"},
		{"bridge object", "bridge", `{"name": "br0"}`, "name of a bridge"},

		{"isolated without bridge", "isolated", `true`, "together with bridge"},
		{"isolated string", "isolated", `"true"`, "true or false"},
		{"isolated number", "isolated", `1`, "true or false"},
		{"isolated object", "isolated", `{}`, "true or false"},

		{"forward string", "forward", `"true"`, "true or false"},
		{"acceptRA number", "acceptRA", `2`, "true or false"},

		{"promiscMode string", "promiscMode", `"true"`, "true or false"},
		{"promiscMode number", "promiscMode", `1`, "true or false"},
		{"promisc string", "promisc", `"false"`, "true or false"},
		{"promisc number", "promisc", `0`, "true or false"},
		{"allmulti string", "allmulti", `"true"`, "true or false"},
		{"allmulti number", "allmulti", `0`, "true or false"},

		{"tapName number", "tapName", `5`, "interface name"},
		{"tapName bool", "tapName", `true`, "interface name"},
		{"tapName array", "tapName", `["net1"]`, "interface name"},

		{"bandwidth number", "bandwidth", `1000000`, "ingressRate"},
		{"bandwidth string", "bandwidth", `"10M"`, "ingressRate"},
		{"bandwidth array", "bandwidth", `[]`, "ingressRate"},

		{"netnsDirs string", "netnsDirs", `"/run/docker/netns"`, "a list of absolute paths"},
		{"netnsDirs object", "netnsDirs", `{"0": "/run/docker/netns"}`, "a list of absolute paths"},
		{"netnsDirs of numbers", "netnsDirs", `[5]`, "a list of absolute paths"},
		{"netnsDirs of lists", "netnsDirs", `[["/run/docker/netns"]]`, "a list of absolute paths"},

		{"mac number", "mac", `5`, "02:00:00:12:34:56"},
		{"args string", "args", `"MAC=02:00:00:00:00:01"`, "an object"},
		{"runtimeConfig array", "runtimeConfig", `[]`, "an object"},

		{"ipam string", "ipam", `"host-local"`, "object"},
		{"ipam array", "ipam", `[]`, "object"},
		{"ipam number", "ipam", `1`, "object"},

		{"dns string", "dns", `"10.0.0.53"`, "nameservers"},
		{"dns nameservers string", "dns", `{"nameservers": "10.0.0.53"}`, "nameservers"},
		{"dns domain number", "dns", `{"domain": 5}`, "nameservers"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf, err := Parse(callOf(vmsWith(`"` + tt.key + `": ` + tt.value)))
			if conf != nil {
				t.Errorf("Config returned with an error\nwant nil\ngot  %+v", conf)
			}
			wantKeyError(t, err, tt.key, tt.value, tt.allowed)
		})
	}
}

func TestParseRouterKeysRefused(t *testing.T) {
	for _, key := range []string{"forward", "acceptRA"} {
		for other, members := range map[string]string{"bridge": `"tapName": "vm0", "bridge": "br0"`, "redirect": `"redirect": true`} {
			_, err := Parse(redirectOf(members+`, "`+key+`": true`, ""))
			wantKeyError(t, err, key, "true", key+" or "+other+", but not both")
		}
	}
}

func TestParseNestedKeyRefused(t *testing.T) {
	tests := []struct{ name, members, key, value, allowed string }{
		{"ipam.type number", `"ipam": {"type": 5}`, "ipam.type", `5`, "file name of a plugin"},
		{"ipam.type path", `"ipam": {"type": "/opt/cni/bin/host-local"}`, "ipam.type", `"/opt/cni/bin/host-local"`,
			"bare file name"},
		{"ipam.type in a subdirectory", `"ipam": {"type": "ipam/host-local"}`, "ipam.type", `"ipam/host-local"`,
			"bare file name"},
		{"ipam.type in a parent directory", `"ipam": {"type": "../host-local"}`, "ipam.type", `"../host-local"`,
			"bare file name"},
		{"ipam.type dot", `"ipam": {"type": "."}`, "ipam.type", `"."`, "bare file name"},
		{"ipam.type dot dot", `"ipam": {"type": ".."}`, "ipam.type", `".."`, "bare file name"},
		{"ipam.type with NUL", `"ipam": {"type": "a\u0000b"}`, "ipam.type", `"a\u0000b"`, "bare file name"},
		{"args.cni string", `"args": {"cni": "x"}`, "args.cni", `"x"`, "an object"},
		{"args.cni.mac number", `"args": {"cni": {"mac": 5}}`, "args.cni.mac", `5`, "unicast"},
		{"runtimeConfig.mac number", `"runtimeConfig": {"mac": 5}`, "runtimeConfig.mac", `5`, "unicast"},
		{"isolated with an empty bridge", `"bridge": "", "isolated": true`, "isolated", `true`, "together with bridge"},
		{"isolated with a null bridge", `"bridge": null, "isolated": true`, "isolated", `true`, "together with bridge"},
		{"isolated with a wrong type, with a bridge", `"bridge": "br0", "isolated": "yes"`, "isolated", `"yes"`, "true or false"},
		{"promisc contradicts promiscMode", `"promiscMode": true, "promisc": false`, "promisc", `false`,
			"one of promiscMode and promisc"},
		{"promiscMode false contradicts promisc", `"promiscMode": false, "promisc": true`, "promisc", `true`,
			"one of promiscMode and promisc"},
		{"promisc with a wrong type, with promiscMode", `"promiscMode": true, "promisc": 1`, "promisc", `1`, "true or false"},
		{"promiscMode with a wrong type, with promisc", `"promiscMode": 1, "promisc": true`, "promiscMode", `1`, "true or false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(callOf(vmsWith(tt.members)))
			wantKeyError(t, err, tt.key, tt.value, tt.allowed)
		})
	}
}

func TestParseIPAMType(t *testing.T) {
	tests := []struct{ name, members, want string }{
		{"absent", ``, ""},
		{"null", `"ipam": null`, ""},
		{"empty object", `"ipam": {}`, ""},
		{"null type", `"ipam": {"type": null}`, ""},
		{"empty type", `"ipam": {"type": ""}`, ""},
		{"type", `"ipam": {"type": "host-local"}`, "host-local"},
		{"hidden file", `"ipam": {"type": ".ipam"}`, ".ipam"},
		{"three dots", `"ipam": {"type": "..."}`, "..."},
		{"other keys are not decoded", `"ipam": {"type": "static", "addresses": 5}`, "static"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(tt.members))
			if got := mustParse(t, call).IPAM; got != tt.want {
				t.Errorf("IPAM of Parse\nwant %q\ngot  %q", tt.want, got)
			}
			conf, err := ParseDel(call)
			if err != nil || conf.IPAM != tt.want {
				t.Errorf("IPAM of ParseDel\nwant %q\ngot  %+v, %v", tt.want, conf, err)
			}
		})
	}
}

// ADD also validates netnsDirs, which only GC uses: an operator sees the error of an ADD.
func TestParseNetnsDirs(t *testing.T) {
	tests := []struct {
		name, members string
		want          []string
	}{
		{"absent", ``, nil},
		{"null", `"netnsDirs": null`, nil},
		{"empty", `"netnsDirs": []`, nil},
		{"one", `"netnsDirs": ["/run/docker/netns"]`, []string{"/run/docker/netns"}},
		{"two, order kept", `"netnsDirs": ["/b", "/a"]`, []string{"/b", "/a"}},
		{"dots within names", `"netnsDirs": ["/.netns", "/a..b", "/..."]`, []string{"/.netns", "/a..b", "/..."}},
		{"repeated", `"netnsDirs": ["/b", "/a", "/b", "/b"]`, []string{"/b", "/a"}},
		{"spaces kept", `"netnsDirs": ["/my pods/netns "]`, []string{"/my pods/netns "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustParse(t, callOf(vmsWith(tt.members))).NetnsDirs; !slices.Equal(got, tt.want) {
				t.Errorf("NetnsDirs of Parse\nwant %q\ngot  %q", tt.want, got)
			}
			got, _ := mustParseGC(t, gcOf("vms", `[]`, tt.members))
			if !slices.Equal(got.NetnsDirs, tt.want) {
				t.Errorf("NetnsDirs of ParseGC\nwant %q\ngot  %q", tt.want, got.NetnsDirs)
			}
		})
	}
}

func TestParseNetnsDirsRefused(t *testing.T) {
	tests := []struct{ name, dir string }{
		{"relative", "run/docker/netns"},
		{"relative with dot", "./netns"},
		{"dot", "."},
		{"dot dot", ".."},
		{"home", "~/netns"},
		{"dot dot within", "/a/../b"},
		{"dot dot at the end", "/a/.."},
		{"parent of the root", "/.."},
		{"dot within", "/a/./b"},
		{"trailing slash", "/a/"},
		{"two leading slashes", "//a"},
		{"two slashes within", "/a//b"},
		{"NUL", "/a\x00b"},
		{"NUL at the end", "/a\x00"},
	}
	for _, tt := range tests {
		value, err := json.Marshal(tt.dir)
		if err != nil {
			t.Fatal(err)
		}
		for place, list := range map[string]string{
			"alone": `[` + string(value) + `]`,
			"last":  `["/run/docker/netns", ` + string(value) + `]`,
		} {
			t.Run(tt.name+"/"+place, func(t *testing.T) {
				members := `"netnsDirs": ` + list
				_, err := Parse(callOf(vmsWith(members)))
				wantNetnsDirsError(t, "Parse", err)
				conf, valid, err := ParseGC(gcOf("vms", `[]`, members))
				if conf != nil || valid != nil {
					t.Errorf("Config and ValidAttachments returned with an error\nwant nil\ngot  %+v, %+v", conf, valid)
				}
				wantNetnsDirsError(t, "ParseGC", err)
			})
		}
	}
}

func wantNetnsDirsError(t *testing.T, verb string, err error) {
	t.Helper()
	var key *KeyError
	if !errors.As(err, &key) || key.Key != "netnsDirs" || !strings.Contains(key.Allowed, "absolute paths") {
		t.Errorf("error of %s\nwant a KeyError for netnsDirs\ngot  %v", verb, err)
	}
}

func TestParseDNS(t *testing.T) {
	tests := []struct {
		name, members string
		want          types.DNS
	}{
		{"absent", ``, types.DNS{}},
		{"null", `"dns": null`, types.DNS{}},
		{"empty", `"dns": {}`, types.DNS{}},
		{"all", `"dns": {"nameservers": ["::1"], "domain": "d", "search": ["s"], "options": ["ndots:1"]}`,
			types.DNS{Nameservers: []string{"::1"}, Domain: "d", Search: []string{"s"}, Options: []string{"ndots:1"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustParse(t, callOf(vmsWith(tt.members))).DNS; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("DNS\nwant %+v\ngot  %+v", tt.want, got)
			}
		})
	}
}

func TestTruncate(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"short", "1500", "1500"},
		{"at the limit", strings.Repeat("x", 80), strings.Repeat("x", 80)},
		{"longer", strings.Repeat("x", 81), strings.Repeat("x", 80) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := truncate([]byte(tt.value)); got != tt.want {
				t.Errorf("truncate\nwant %s\ngot  %s", tt.want, got)
			}
		})
	}
}
