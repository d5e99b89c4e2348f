package netconf

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
)

// callOf is a runtime's call with this configuration on standard input.
func callOf(stdin string) *skel.CmdArgs {
	return &skel.CmdArgs{
		ContainerID: "0123abcd",
		Netns:       "/run/netns/pod",
		IfName:      "net1",
		StdinData:   []byte(stdin),
	}
}

// vmsWith is the network "vms" with more keys, written as JSON members.
func vmsWith(members string) string {
	if members != "" {
		members = ", " + members
	}
	return `{"cniVersion": "1.1.0", "name": "vms", "type": "tap"` + members + `}`
}

// mustParse parses what has to be right.
func mustParse(t *testing.T, call *skel.CmdArgs) *Config {
	t.Helper()
	conf, err := Parse(call)
	if err != nil {
		t.Fatalf("Parse(%s)\nwant no error\ngot  %v", call.StdinData, err)
	}
	return conf
}

func ptr[T any](v T) *T { return &v }

func TestParseEveryKey(t *testing.T) {
	got := mustParse(t, callOf(vmsWith(`
		"multiQueue": true, "mtu": 9000, "mac": "02:00:00:12:34:56", "owner": 0, "group": 107,
		"selinuxContext": "system_u:system_r:container_t:s0", "bridge": "br0", "txQueueLen": 500,
		"ipam": {"type": "host-local", "ranges": []}, "dns": {"nameservers": ["10.0.0.53"], "search": ["example.org"]}`)))

	want := &Config{
		CNIVersion: "1.1.0", Network: "vms", ContainerID: "0123abcd", IfName: "net1", Netns: "/run/netns/pod",
		Tap: Tap{
			MultiQueue: true, MTU: 9000, MAC: net.HardwareAddr{2, 0, 0, 0x12, 0x34, 0x56},
			Owner: ptr(uint32(0)), Group: ptr(uint32(107)),
			Label: "system_u:system_r:container_t:s0", Bridge: "br0", TxQueueLen: 500,
		},
		IPAM: "host-local",
		DNS:  types.DNS{Nameservers: []string{"10.0.0.53"}, Search: []string{"example.org"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse\nwant %+v\ngot  %+v", want, got)
	}
}

func TestParseKeysInAnyCase(t *testing.T) {
	got := mustParse(t, callOf(vmsWith(`
		"MULTIQUEUE": true, "Mtu": 1400, "MAC": "02:00:00:00:00:01", "OWNER": 1, "gRoup": 2, "selinuxcontext": "a:b:c:d",
		"Bridge": "br0", "txqueuelen": 7, "IPAM": {"TYPE": "static"}, "Dns": {"DOMAIN": "example.org"}`)))

	want := Tap{
		MultiQueue: true, MTU: 1400, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Owner: ptr(uint32(1)), Group: ptr(uint32(2)),
		Label: "a:b:c:d", Bridge: "br0", TxQueueLen: 7,
	}
	if !reflect.DeepEqual(got.Tap, want) {
		t.Errorf("Tap\nwant %+v\ngot  %+v", want, got.Tap)
	}
	if got.IPAM != "static" || got.DNS.Domain != "example.org" {
		t.Errorf("IPAM and DNS domain\nwant static, example.org\ngot  %s, %s", got.IPAM, got.DNS.Domain)
	}
}

func TestParseUnknownKeysAreAccepted(t *testing.T) {
	got := mustParse(t, callOf(vmsWith(`"capabilities": {"mac": true}, "cni.dev/valid-attachments": [], "": null, "vlan": "whatever"`)))

	if want := (Tap{}); !reflect.DeepEqual(got.Tap, want) {
		t.Errorf("Tap\nwant %+v\ngot  %+v", want, got.Tap)
	}
}

func TestParseUndecodable(t *testing.T) {
	tests := []struct{ name, stdin string }{
		{"nothing", ``},
		{"no JSON", `cniVersion: 1.1.0`},
		{"cut short", `{"name": "vms"`},
		{"more behind it", `{"name": "vms"} {}`},
		{"array", `[]`},
		{"string", `"vms"`},
		{"name is a number", `{"name": 5}`},
		{"cniVersion is a number", `{"name": "vms", "cniVersion": 1.1}`},
	}
	verbs := map[string]func(*skel.CmdArgs) (*Config, error){"Parse": Parse, "ParseDel": ParseDel}
	for _, tt := range tests {
		for verb, parse := range verbs {
			t.Run(tt.name+"/"+verb, func(t *testing.T) {
				conf, err := parse(callOf(tt.stdin))
				if conf != nil || !errors.Is(err, ErrUndecodable) {
					t.Errorf("%s(%q)\nwant nil, %v\ngot  %v, %v", verb, tt.stdin, ErrUndecodable, conf, err)
				}
			})
		}
	}
}

func TestParseCNIVersion(t *testing.T) {
	tests := []struct {
		name, members string
		want          string // the version of the Config
		layer2        bool   // a result without addresses can be expressed
	}{
		{"absent", ``, "0.1.0", false},
		{"null", `"cniVersion": null`, "0.1.0", false},
		{"empty", `"cniVersion": ""`, "0.1.0", false},
		{"0.1.0", `"cniVersion": "0.1.0"`, "0.1.0", false},
		{"0.2.0", `"cniVersion": "0.2.0"`, "0.2.0", false},
		{"0.3.0", `"cniVersion": "0.3.0"`, "0.3.0", true},
		{"0.3.1", `"cniVersion": "0.3.1"`, "0.3.1", true},
		{"0.4.0", `"cniVersion": "0.4.0"`, "0.4.0", true},
		{"1.0.0", `"cniVersion": "1.0.0"`, "1.0.0", true},
		{"1.1.0", `"cniVersion": "1.1.0"`, "1.1.0", true},
	}
	for _, tt := range tests {
		comma := ""
		if tt.members != "" {
			comma = ", "
		}
		t.Run(tt.name+"/with ipam", func(t *testing.T) {
			got := mustParse(t, callOf(`{"name": "vms", "ipam": {"type": "static"}`+comma+tt.members+`}`))
			if got.CNIVersion != tt.want {
				t.Errorf("CNIVersion\nwant %s\ngot  %s", tt.want, got.CNIVersion)
			}
		})
		t.Run(tt.name+"/without ipam", func(t *testing.T) {
			conf, err := Parse(callOf(`{"name": "vms"` + comma + tt.members + `}`))
			if (conf != nil) != tt.layer2 {
				t.Errorf("Config\nwant one: %v\ngot  %+v", tt.layer2, conf)
			}
			if tt.layer2 {
				if err != nil {
					t.Errorf("Parse\nwant no error\ngot  %v", err)
				}
				return
			}
			wantKeyError(t, err, "cniVersion", tt.want, "0.3.0 or later")
		})
	}
}

func TestParseCNIVersionWithoutNumbersIsUndecodable(t *testing.T) {
	_, err := Parse(callOf(`{"name": "vms", "cniVersion": "newest"}`))
	if !errors.Is(err, ErrUndecodable) || !strings.Contains(err.Error(), "newest") {
		t.Errorf("Parse\nwant %v, naming the value\ngot  %v", ErrUndecodable, err)
	}
}

func TestParseNetnsOverride(t *testing.T) {
	tests := []struct {
		name, value string
		want        bool
	}{
		{"absent", "", false},
		{"one", "1", true},
		{"upper case", "TRUE", true},
		{"lower case", "true", true},
		{"mixed case", "True", true},
		{"zero", "0", false},
		{"no", "false", false},
		{"yes is none of the skeleton's", "yes", false},
		{"padded", " 1", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(""))
			call.NetnsOverride = tt.value
			if got := mustParse(t, call).OwnNetnsAllowed; got != tt.want {
				t.Errorf("OwnNetnsAllowed of %q\nwant %v\ngot  %v", tt.value, tt.want, got)
			}
		})
	}
}

func TestParseDelReadsOnlyWhatDelActsOn(t *testing.T) {
	call := callOf(vmsWith(`
		"mtu": "huge", "mac": 7, "owner": -1, "group": {}, "multiQueue": "yes", "bridge": "a/b", "txQueueLen": 0,
		"selinuxContext": 1, "dns": [], "args": 1, "runtimeConfig": 1, "ipam": {"type": "host-local"},
		"prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "net1", "sandbox": "/run/netns/pod"}]}`))
	call.Args = "nonsense"
	call.IfName = "eth%d"

	got, err := ParseDel(call)
	if err != nil {
		t.Fatalf("ParseDel\nwant no error\ngot  %v", err)
	}
	if got.Network != "vms" || got.ContainerID != "0123abcd" || got.IfName != "eth%d" || got.Netns != "/run/netns/pod" {
		t.Errorf("attachment\nwant vms 0123abcd eth%%d /run/netns/pod\ngot  %s %s %s %s", got.Network, got.ContainerID, got.IfName, got.Netns)
	}
	if got.IPAM != "host-local" {
		t.Errorf("IPAM\nwant host-local\ngot  %s", got.IPAM)
	}
	if got.PrevResult == nil || len(got.PrevResult.Interfaces) != 1 {
		t.Errorf("PrevResult\nwant one interface\ngot  %+v", got.PrevResult)
	}
}

func TestParseDelOldVersionWithoutIPAM(t *testing.T) {
	if _, err := ParseDel(callOf(`{"cniVersion": "0.1.0", "name": "vms"}`)); err != nil {
		t.Errorf("ParseDel: what ADD refuses can still be deleted\nwant no error\ngot  %v", err)
	}
}

func TestParseDelUnreadableKeyIsReportedBesideTheConfig(t *testing.T) {
	tests := []struct{ name, members, key string }{
		{"ipam", `"ipam": "host-local"`, "ipam"},
		{"ipam.type", `"ipam": {"type": "../host-local"}`, "ipam.type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf, err := ParseDel(callOf(vmsWith(tt.members)))
			if conf == nil || conf.Alias() != "tap/vms/0123abcd/net1" {
				t.Errorf("Config\nwant that of tap/vms/0123abcd/net1\ngot  %+v", conf)
			}
			var key *KeyError
			if !errors.As(err, &key) || key.Key != tt.key {
				t.Errorf("error\nwant a KeyError of %s\ngot  %v", tt.key, err)
			}
		})
	}
}

func TestParseDelGoesOnWithoutPrevResult(t *testing.T) {
	conf, err := ParseDel(callOf(vmsWith(`"prevResult": {"cniVersion": "7.0.0"}`)))
	if err != nil || conf.PrevResult != nil {
		t.Errorf("ParseDel\nwant neither an error nor a PrevResult\ngot  %v, %v", err, conf.PrevResult)
	}
	wantKeyError(t, conf.PrevResultErr, "prevResult", `{"cniVersion": "7.0.0"}`, "CNI result")
}

func TestParseDelReadsPrevResultBesideABrokenIPAM(t *testing.T) {
	conf, err := ParseDel(callOf(vmsWith(`"ipam": 5, "prevResult": {"interfaces": [{"name": "net1"}]}`)))
	wantKeyError(t, err, "ipam", "5", "object")
	if conf.PrevResult == nil {
		t.Error("PrevResult, which tells whose a tap without alias is\nwant it\ngot  nil")
	}
}

// wantKeyError checks that an error tells everything about the key that it is about.
func wantKeyError(t *testing.T, err error, key, value, allowed string) {
	t.Helper()
	var got *KeyError
	if !errors.As(err, &got) {
		t.Fatalf("error\nwant a KeyError of %s\ngot  %T: %v", key, err, err)
	}
	if got.Key != key || got.Value != value || !strings.Contains(got.Allowed, allowed) {
		t.Errorf("KeyError\nwant %s: %s (allowed: …%s…)\ngot  %s: %s (allowed: %s)", key, value, allowed, got.Key, got.Value, got.Allowed)
	}
	if text := err.Error(); !strings.Contains(text, key) || !strings.Contains(text, value) {
		t.Errorf("text\nwant it to name %s and %s\ngot  %s", key, value, text)
	}
}

func TestKeyErrorKeepsItsCause(t *testing.T) {
	cause := errors.New("because")
	err := &KeyError{Key: "mtu", Value: "5", Allowed: "68 or more", Err: cause}

	if !errors.Is(err, cause) {
		t.Errorf("errors.Is\nwant the cause in the chain\ngot  %v", err)
	}
	if want, got := "configuration: mtu: 5: because", err.Error(); got != want {
		t.Errorf("text\nwant %s\ngot  %s", want, got)
	}
}

func TestVarErrorKeepsItsCause(t *testing.T) {
	cause := errors.New("because")
	err := &VarError{Var: "CNI_IFNAME", Value: "a b", Err: cause}

	if !errors.Is(err, cause) {
		t.Errorf("errors.Is\nwant the cause in the chain\ngot  %v", err)
	}
	if want, got := `CNI_IFNAME="a b": because`, err.Error(); got != want {
		t.Errorf("text\nwant %s\ngot  %s", want, got)
	}
}

func TestParseLongValueIsClippedInTheError(t *testing.T) {
	_, err := Parse(callOf(vmsWith(fmt.Sprintf(`"mtu": "%s"`, bytes.Repeat([]byte("9"), 5000)))))

	var key *KeyError
	if !errors.As(err, &key) || !strings.HasSuffix(key.Value, "9…") || len(key.Value) > 100 {
		t.Errorf("Value\nwant about 80 bytes and …\ngot  %v", err)
	}
}

func TestParseStatusNeedsNoAttachment(t *testing.T) {
	call := &skel.CmdArgs{StdinData: []byte(vmsWith(`"mtu": 9000, "ipam": {"type": "host-local"}, "prevResult": 5`))}
	got, err := ParseStatus(call)
	if err != nil || got.Tap.MTU != 9000 || got.IPAM != "host-local" {
		t.Errorf("ParseStatus\nwant mtu 9000, host-local\ngot  %+v, %v", got, err)
	}
}

func TestParseStatusRefusesWhatEveryADDWould(t *testing.T) {
	conf, err := ParseStatus(&skel.CmdArgs{StdinData: []byte(vmsWith(`"mtu": 67`))})
	if conf != nil {
		t.Errorf("Config beside an error\nwant nil\ngot  %+v", conf)
	}
	wantKeyError(t, err, "mtu", "67", "68 to 65521")
}
