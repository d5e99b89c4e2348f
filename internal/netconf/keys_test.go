package netconf

import (
	"reflect"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

func TestParseKeyTaken(t *testing.T) {
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

		{"mac null", `"mac": null`, Tap{}},
		{"mac empty", `"mac": ""`, Tap{}},
		{"args null", `"args": null`, Tap{}},
		{"runtimeConfig null", `"runtimeConfig": null`, Tap{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mustParse(t, callOf(vmsWith(tt.members))).Tap
			if !reflect.DeepEqual(got, tt.want) {
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

		{"mtu below the smallest", "mtu", `67`, "68 to 65521"},
		{"mtu above the largest", "mtu", `65522`, "68 to 65521"},
		{"mtu negative", "mtu", `-1`, "68 to 65521"},
		{"mtu 1", "mtu", `1`, "or 0"},
		{"mtu fraction", "mtu", `1500.5`, "68 to 65521"},
		{"mtu string", "mtu", `"1500"`, "68 to 65521"},
		{"mtu beyond 64 bits", "mtu", `99999999999999999999`, "68 to 65521"},
		{"mtu that would wrap at 32 bits", "mtu", `4294968796`, "68 to 65521"},
		{"mtu bool", "mtu", `true`, "68 to 65521"},
		{"mtu array", "mtu", `[1500]`, "68 to 65521"},

		{"txQueueLen 0", "txQueueLen", `0`, "1 to 65536"},
		{"txQueueLen above the largest", "txQueueLen", `65537`, "1 to 65536"},
		{"txQueueLen negative", "txQueueLen", `-1`, "1 to 65536"},
		{"txQueueLen string", "txQueueLen", `"1000"`, "1 to 65536"},
		{"txQueueLen fraction", "txQueueLen", `0.5`, "1 to 65536"},

		{"owner nobody at all", "owner", `4294967295`, id},
		{"owner negative", "owner", `-1`, id},
		{"owner string", "owner", `"1000"`, id},
		{"owner name", "owner", `"qemu"`, id},
		{"owner fraction", "owner", `0.1`, id},
		{"owner that would wrap to root", "owner", `4294967296`, id},
		{"group nobody at all", "group", `4294967295`, id},
		{"group negative", "group", `-1`, id},
		{"group string", "group", `"36"`, id},
		{"group that would wrap to root", "group", `4294967296`, id},

		{"selinuxContext number", "selinuxContext", `5`, "SELinux context"},
		{"selinuxContext object", "selinuxContext", `{}`, "SELinux context"},
		{"selinuxContext with NUL", "selinuxContext", `"u:r:t:s0\u0000"`, "SELinux context"},
		{"selinuxContext of a newline, which would clear the label", "selinuxContext", `"\n"`, "SELinux context"},
		{"selinuxContext with a newline first", "selinuxContext", `"\nu:r:t:s0"`, "SELinux context"},
		{"selinuxContext with a newline last", "selinuxContext", `"u:r:t:s0\n"`, "SELinux context"},

		{"bridge number", "bridge", `0`, "name of a bridge"},
		{"bridge object", "bridge", `{"name": "br0"}`, "name of a bridge"},

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
				t.Errorf("Config beside an error\nwant nil\ngot  %+v", conf)
			}
			wantKeyError(t, err, tt.key, tt.value, tt.allowed)
		})
	}
}

func TestParseNestedKeyRefused(t *testing.T) {
	tests := []struct{ name, members, key, value, allowed string }{
		{"ipam.type number", `"ipam": {"type": 5}`, "ipam.type", `5`, "file name of a plugin"},
		{"ipam.type path", `"ipam": {"type": "/opt/cni/bin/host-local"}`, "ipam.type", `"/opt/cni/bin/host-local"`, "bare file name"},
		{"ipam.type below", `"ipam": {"type": "ipam/host-local"}`, "ipam.type", `"ipam/host-local"`, "bare file name"},
		{"ipam.type above", `"ipam": {"type": "../host-local"}`, "ipam.type", `"../host-local"`, "bare file name"},
		{"ipam.type the folder itself", `"ipam": {"type": "."}`, "ipam.type", `"."`, "bare file name"},
		{"ipam.type the folder above", `"ipam": {"type": ".."}`, "ipam.type", `".."`, "bare file name"},
		{"ipam.type with NUL", `"ipam": {"type": "a\u0000b"}`, "ipam.type", `"a\u0000b"`, "bare file name"},
		{"args.cni string", `"args": {"cni": "x"}`, "args.cni", `"x"`, "an object"},
		{"args.cni.mac number", `"args": {"cni": {"mac": 5}}`, "args.cni.mac", `5`, "unicast"},
		{"runtimeConfig.mac number", `"runtimeConfig": {"mac": 5}`, "runtimeConfig.mac", `5`, "unicast"},
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
		{"three dots are a name", `"ipam": {"type": "..."}`, "..."},
		{"the rest is the plugin's", `"ipam": {"type": "static", "addresses": 5}`, "static"},
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

func TestClip(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"short", "1500", "1500"},
		{"at the limit", strings.Repeat("x", 80), strings.Repeat("x", 80)},
		{"longer", strings.Repeat("x", 81), strings.Repeat("x", 80) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clip([]byte(tt.value)); got != tt.want {
				t.Errorf("clip\nwant %s\ngot  %s", tt.want, got)
			}
		})
	}
}
