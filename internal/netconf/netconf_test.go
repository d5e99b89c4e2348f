package netconf

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

// callOf returns the input of a verb with this configuration on standard input.
func callOf(stdin string) *Args {
	return &Args{
		ContainerID: "0123abcd",
		Netns:       "/run/netns/pod",
		IfName:      "net1",
		StdinData:   []byte(stdin),
	}
}

// vmsWith returns the configuration of the network "vms" with more keys, written as JSON members.
func vmsWith(members string) string {
	if members != "" {
		members = ", " + members
	}
	return `{"cniVersion": "1.1.0", "name": "vms", "type": "tap"` + members + `}`
}

// prevNet1 is the result of a previous plugin of the chain, which made the interface CNI_IFNAME.
const prevNet1 = `"prevResult": {"interfaces": [{"name": "net1", "mac": "02:00:00:00:00:09", "sandbox": "/run/netns/pod"}]}`

// mustParse returns the Config from Parse, which must succeed.
func mustParse(t *testing.T, call *Args) *Config {
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
		"selinuxContext": "system_u:system_r:container_t:s0", "bridge": "br0", "isolated": true, "txQueueLen": 500,
		"vlan": 100, "vlanTrunk": [{"id": 7}, {"minID": 200, "maxID": 300}], "preserveDefaultVlan": false,
		"promiscMode": true, "allmulti": true, "tapName": "net1", "netnsDirs": ["/run/docker/netns"],
		"bandwidth": {"ingressRate": 8000, "ingressBurst": 640000, "egressRate": 9000, "egressBurst": 650000},
		"ipam": {"type": "host-local", "ranges": []}, "dns": {"nameservers": ["10.0.0.53"], "search": ["example.org"]}`)))

	want := &Config{
		CNIVersion: "1.1.0", Network: "vms", ContainerID: "0123abcd", IfName: "net1", Netns: "/run/netns/pod",
		Tap: Tap{
			Name: "net1", MultiQueue: true, MTU: 9000, MAC: net.HardwareAddr{2, 0, 0, 0x12, 0x34, 0x56},
			Owner: ptr(uint32(0)), Group: ptr(uint32(107)),
			Label: "system_u:system_r:container_t:s0", Bridge: "br0", Isolated: true, TxQueueLen: 500,
			VLANs:   VLANs{Native: 100, Tagged: []VLANRange{{7, 7}, {200, 300}}, DropDefault: true},
			Promisc: true, AllMulti: true,
			Bandwidth: Bandwidth{Ingress: Limit{Rate: 8000, Burst: 640000}, Egress: Limit{Rate: 9000, Burst: 650000}},
		},
		IPAM:      "host-local",
		DNS:       types.DNS{Nameservers: []string{"10.0.0.53"}, Search: []string{"example.org"}},
		NetnsDirs: []string{"/run/docker/netns"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse\nwant %+v\ngot  %+v", want, got)
	}
}

func TestParseKeysInAnyCase(t *testing.T) {
	got := mustParse(t, callOf(vmsWith(`
		"MULTIQUEUE": true, "Mtu": 1400, "MAC": "02:00:00:00:00:01", "OWNER": 1, "gRoup": 2, "selinuxcontext": "a:b:c:d",
		"Bridge": "br0", "ISOLATED": true, "txqueuelen": 7, "promiscmode": true, "PROMISC": true, "allMulti": true,
		"TAPNAME": "net1", "VLAN": 5, "VlanTrunk": [{"ID": 6}, {"minid": 8, "MAXID": 9}], "preservedefaultvlan": false,
		"Bandwidth": {"INGRESSRATE": 8, "ingressburst": 640000}, "netnsdirs": ["/n"],
		"IPAM": {"TYPE": "static"}, "Dns": {"DOMAIN": "example.org"}`)))

	want := Tap{
		Name: "net1", MultiQueue: true, MTU: 1400, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1},
		Owner: ptr(uint32(1)), Group: ptr(uint32(2)), Label: "a:b:c:d", Bridge: "br0", Isolated: true,
		TxQueueLen: 7, Promisc: true, AllMulti: true,
		VLANs:     VLANs{Native: 5, Tagged: []VLANRange{{6, 6}, {8, 9}}, DropDefault: true},
		Bandwidth: Bandwidth{Ingress: Limit{Rate: 8, Burst: 640000}},
	}
	if !reflect.DeepEqual(got.Tap, want) {
		t.Errorf("Tap\nwant %+v\ngot  %+v", want, got.Tap)
	}
	if got.IPAM != "static" || got.DNS.Domain != "example.org" || len(got.NetnsDirs) != 1 {
		t.Errorf("IPAM, DNS domain, netnsDirs\nwant static, example.org, one\ngot  %s, %s, %q",
			got.IPAM, got.DNS.Domain, got.NetnsDirs)
	}
}

func TestParseUnknownKeysAreAccepted(t *testing.T) {
	got := mustParse(t, callOf(vmsWith(
		`"capabilities": {"mac": true}, "cni.dev/valid-attachments": 5, "": null, "vhost": "whatever"`)))

	if want := (Tap{Name: "net1"}); !reflect.DeepEqual(got.Tap, want) {
		t.Errorf("Tap\nwant %+v\ngot  %+v", want, got.Tap)
	}
}

func TestParseUndecodable(t *testing.T) {
	tests := []struct{ name, stdin string }{
		{"empty", ``},
		{"not JSON", `cniVersion: 1.1.0`},
		{"truncated", `{"name": "vms"`},
		{"trailing data", `{"name": "vms"} {}`},
		{"array", `[]`},
		{"string", `"vms"`},
		{"name is a number", `{"name": 5}`},
		{"cniVersion is a number", `{"name": "vms", "cniVersion": 1.1}`},
	}
	verbs := map[string]func(*Args) (*Config, error){
		"Parse": Parse, "ParseDel": ParseDel, "ParseStatus": ParseStatus,
		"ParseGC": func(args *Args) (*Config, error) {
			conf, _, err := ParseGC(args)
			return conf, err
		},
	}
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
		layer2        bool   // a result of the version can have no addresses
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
				t.Errorf("Config returned\nwant %v\ngot  %+v", tt.layer2, conf)
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

func TestParseCNIVersionNotNumeric(t *testing.T) {
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
		{"yes, which pkg/skel does not accept", "yes", false},
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

func TestParseDelIgnoresOtherKeys(t *testing.T) {
	call := callOf(vmsWith(`
		"mtu": "huge", "mac": 7, "owner": -1, "group": {}, "multiQueue": "yes", "bridge": "a/b", "txQueueLen": 0,
		"selinuxContext": 1, "dns": [], "args": 1, "runtimeConfig": 1, "ipam": {"type": "host-local"},
		"isolated": 1, "vlan": -1, "vlanTrunk": 1, "preserveDefaultVlan": 1, "promiscMode": true, "promisc": false,
		"allmulti": 1, "bandwidth": 1, "netnsDirs": 1, "cni.dev/valid-attachments": 1,
		"prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "net1", "sandbox": "/run/netns/pod"}]}`))
	call.Args = "nonsense"
	call.IfName = "eth%d"

	got, err := ParseDel(call)
	if err != nil {
		t.Fatalf("ParseDel\nwant no error\ngot  %v", err)
	}
	if got.Network != "vms" || got.ContainerID != "0123abcd" || got.IfName != "eth%d" || got.Netns != "/run/netns/pod" {
		t.Errorf("attachment\nwant vms 0123abcd eth%%d /run/netns/pod\ngot  %s %s %s %s",
			got.Network, got.ContainerID, got.IfName, got.Netns)
	}
	if got.IPAM != "host-local" {
		t.Errorf("IPAM\nwant host-local\ngot  %s", got.IPAM)
	}
	if got.PrevResult == nil || len(got.PrevResult.Interfaces) != 1 {
		t.Errorf("PrevResult\nwant one interface\ngot  %+v", got.PrevResult)
	}
}

func TestParseTapName(t *testing.T) {
	tests := []struct{ name, members, want string }{
		{"absent", ``, "net1"},
		{"null", `"tapName": null`, "net1"},
		{"empty", `"tapName": ""`, "net1"},
		{"name of the interface", `"tapName": "net1"`, "net1"},
		{"absent in a chain", prevNet1, "net1"},
		{"null in a chain", `"tapName": null, ` + prevNet1, "net1"},
		{"name of the interface in a chain", `"tapName": "net1", ` + prevNet1, "net1"},
		{"another in a chain", `"tapName": "tap0", ` + prevNet1, "tap0"},
		{"longest in a chain", `"tapName": "123456789012345", ` + prevNet1, "123456789012345"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(tt.members))
			got := mustParse(t, call)
			if got.Tap.Name != tt.want || got.IfName != "net1" {
				t.Errorf("names of the tap and of the interface\nwant %s, net1\ngot  %s, %s", tt.want, got.Tap.Name, got.IfName)
			}
			del, err := ParseDel(call)
			if err != nil || del.Tap.Name != tt.want || del.IfName != "net1" {
				t.Errorf("ParseDel\nwant %s, net1\ngot  %+v, %v", tt.want, del, err)
			}
		})
	}
}

// The interface CNI_IFNAME must exist after ADD. Without a previous plugin it can only be the tap.
func TestParseTapNameWithoutPrevResultRefused(t *testing.T) {
	for name, members := range map[string]string{"absent": ``, "null": `, "prevResult": null`} {
		t.Run(name, func(t *testing.T) {
			conf, err := Parse(callOf(vmsWith(`"tapName": "tap0"` + members)))
			if conf != nil {
				t.Errorf("Config returned with an error\nwant nil\ngot  %+v", conf)
			}
			var key *KeyError
			if !errors.As(err, &key) || key.Key != "tapName" || !strings.Contains(key.Value, "tap0") ||
				!strings.Contains(key.Allowed, "chain") {
				t.Fatalf("error\nwant a KeyError for tapName: tap0\ngot  %v", err)
			}
			if !strings.Contains(err.Error(), `"net1"`) {
				t.Errorf("text\nwant it to name the missing interface, net1\ngot  %v", err)
			}
		})
	}
}

// An invalid CNI_IFNAME is an error even if tapName is valid.
func TestParseTapNameInterfaceNameInvalidRefused(t *testing.T) {
	call := callOf(vmsWith(`"tapName": "tap0", ` + prevNet1))
	call.IfName = "net/1"
	_, err := Parse(call)
	var variable *VarError
	if !errors.As(err, &variable) || variable.Var != "CNI_IFNAME" {
		t.Errorf("error\nwant a VarError for CNI_IFNAME\ngot  %v", err)
	}
}

// A runtime may call DEL without prevResult if it lost the result, and STATUS never has one.
func TestParseTapNameWithoutPrevResultOtherVerbs(t *testing.T) {
	call := callOf(vmsWith(`"tapName": "tap0"`))

	del, err := ParseDel(call)
	if err != nil || del.Tap.Name != "tap0" || del.Alias() != "tap/vms/0123abcd/net1/tap0" {
		t.Errorf("ParseDel\nwant tap0 of tap/vms/0123abcd/net1/tap0\ngot  %+v, %v", del, err)
	}
	status, err := ParseStatus(&Args{StdinData: call.StdinData})
	if err != nil || status.Tap.Name != "tap0" {
		t.Errorf("ParseStatus\nwant tap0\ngot  %+v, %v", status, err)
	}
}

func TestParseDelOldVersionWithoutIPAM(t *testing.T) {
	if _, err := ParseDel(callOf(`{"cniVersion": "0.1.0", "name": "vms"}`)); err != nil {
		t.Errorf("ParseDel of a configuration that ADD rejects\nwant no error\ngot  %v", err)
	}
}

func TestParseDelInvalidIPAMReturnsConfigAndError(t *testing.T) {
	tests := []struct{ name, members, key string }{
		{"ipam", `"ipam": "host-local"`, "ipam"},
		{"ipam.type", `"ipam": {"type": "../host-local"}`, "ipam.type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf, err := ParseDel(callOf(vmsWith(tt.members)))
			if conf == nil || conf.Alias() != "tap/vms/0123abcd/net1" {
				t.Errorf("Config\nwant the alias tap/vms/0123abcd/net1\ngot  %+v", conf)
			}
			var key *KeyError
			if !errors.As(err, &key) || key.Key != tt.key {
				t.Errorf("error\nwant a KeyError for %s\ngot  %v", tt.key, err)
			}
		})
	}
}

func TestParseDelInvalidTapNameAndIPAM(t *testing.T) {
	conf, err := ParseDel(callOf(vmsWith(`"tapName": "a/b", "ipam": {"type": "../x"}, ` + prevNet1)))
	if conf == nil || conf.PrevResult == nil || conf.Tap.Name != "net1" || conf.IPAM != "" {
		t.Errorf("Config\nwant the tap net1, no IPAM, a PrevResult\ngot  %+v", conf)
	}
	var key *KeyError
	if !errors.As(err, &key) || key.Key != "ipam.type" || strings.Contains(err.Error(), "tapName") {
		t.Errorf("error\nwant a KeyError of ipam.type alone\ngot  %v", err)
	}
}

// The alias tells whose a tap is. tapName and redirect are hints for devices without alias, and
// do not keep DEL from its work.
func TestParseDelIgnoresUnreadableHints(t *testing.T) {
	for _, members := range []string{
		`"tapName": 5`, `"tapName": "a/b"`, `"tapName": "1234567890123456"`,
		`"redirect": "yes"`, `"redirect": 5`, `"redirect": {}`, `"redirect": "x", "tapName": 3`,
	} {
		t.Run(members, func(t *testing.T) {
			conf, err := ParseDel(callOf(vmsWith(members + `, "ipam": {"type": "host-local"}, ` + prevNet1)))
			if err != nil || conf == nil {
				t.Fatalf("ParseDel\nwant no error\ngot  %v", err)
			}
			want := "net1"
			if strings.Contains(members, "redirect") { // CNI_IFNAME may be the pod's interface, which DEL must not delete
				want = ""
			}
			if conf.Tap.Name != want || conf.Tap.Redirect || conf.IPAM != "host-local" || conf.PrevResult == nil {
				t.Errorf("Config\nwant the tap %q without redirect, host-local, a PrevResult\ngot  %+v", want, conf)
			}
			if alias := "tap/vms/0123abcd/net1"; !conf.Owns(alias) || !conf.Owns(alias+"/vm0") || !conf.Owns(alias+"/:redirect") {
				t.Error("Owns\nwant every tap of the attachment\ngot  not all")
			}
		})
	}
}

func TestParseDelInvalidTapNameKeepsIPAM(t *testing.T) {
	conf, err := ParseDel(callOf(vmsWith(`"tapName": 5, "ipam": {"type": "host-local"}`)))
	if err != nil || conf == nil || conf.IPAM != "host-local" {
		t.Errorf("Config\nwant the IPAM plugin host-local, which must release the address\ngot  %+v, %v", conf, err)
	}
}

func TestParseDelInvalidPrevResultKept(t *testing.T) {
	conf, err := ParseDel(callOf(vmsWith(`"prevResult": {"cniVersion": "7.0.0"}`)))
	if err != nil || conf.PrevResult != nil {
		t.Errorf("ParseDel\nwant neither an error nor a PrevResult\ngot  %v, %v", err, conf.PrevResult)
	}
	wantKeyError(t, conf.PrevResultErr, "prevResult", `{"cniVersion": "7.0.0"}`, "CNI result")
}

func TestParseDelInvalidIPAMKeepsPrevResult(t *testing.T) {
	conf, err := ParseDel(callOf(vmsWith(`"ipam": 5, "prevResult": {"interfaces": [{"name": "net1"}]}`)))
	wantKeyError(t, err, "ipam", "5", "object")
	if conf.PrevResult == nil {
		t.Error("PrevResult, which identifies a tap without alias\nwant a result\ngot  nil")
	}
}

// wantKeyError checks the fields and the text of a KeyError.
func wantKeyError(t *testing.T, err error, key, value, allowed string) {
	t.Helper()
	var got *KeyError
	if !errors.As(err, &got) {
		t.Fatalf("error\nwant a KeyError for %s\ngot  %T: %v", key, err, err)
	}
	if got.Key != key || got.Value != value || !strings.Contains(got.Allowed, allowed) {
		t.Errorf("KeyError\nwant %s: %s (allowed: …%s…)\ngot  %s: %s (allowed: %s)",
			key, value, allowed, got.Key, got.Value, got.Allowed)
	}
	if text := err.Error(); !strings.Contains(text, key) || !strings.Contains(text, value) {
		t.Errorf("text\nwant it to name %s and %s\ngot  %s", key, value, text)
	}
}

// wantText checks that the text of an error contains want.
func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("text\nwant it to contain %s\ngot  %v", want, err)
	}
}

func TestKeyErrorUnwrap(t *testing.T) {
	cause := errors.New("because")
	err := &KeyError{Key: "mtu", Value: "5", Allowed: "68 or more", Err: cause}

	if !errors.Is(err, cause) {
		t.Errorf("errors.Is\nwant the cause in the chain\ngot  %v", err)
	}
	if want, got := "configuration: mtu: 5: because", err.Error(); got != want {
		t.Errorf("text\nwant %s\ngot  %s", want, got)
	}
}

func TestVarErrorUnwrap(t *testing.T) {
	cause := errors.New("because")
	err := &VarError{Var: "CNI_IFNAME", Value: "a b", Err: cause}

	if !errors.Is(err, cause) {
		t.Errorf("errors.Is\nwant the cause in the chain\ngot  %v", err)
	}
	if want, got := `CNI_IFNAME="a b": because`, err.Error(); got != want {
		t.Errorf("text\nwant %s\ngot  %s", want, got)
	}
}

func TestParseTruncatesLongValueInError(t *testing.T) {
	_, err := Parse(callOf(vmsWith(fmt.Sprintf(`"mtu": "%s"`, bytes.Repeat([]byte("9"), 5000)))))

	var key *KeyError
	if !errors.As(err, &key) || !strings.HasSuffix(key.Value, "9…") || len(key.Value) > 100 {
		t.Errorf("Value\nwant about 80 bytes and …\ngot  %v", err)
	}
}

func TestParseStatusWithoutAttachment(t *testing.T) {
	call := &Args{StdinData: []byte(vmsWith(`"mtu": 9000, "ipam": {"type": "host-local"}, "prevResult": 5`))}
	got, err := ParseStatus(call)
	if err != nil || got.Tap.MTU != 9000 || got.IPAM != "host-local" {
		t.Errorf("ParseStatus\nwant mtu 9000, host-local\ngot  %+v, %v", got, err)
	}
}

func TestParseStatusRefused(t *testing.T) {
	tests := []struct{ members, key, value, allowed string }{
		{`"mtu": 67`, "mtu", "67", "68 to 65521"},
		{`"isolated": true`, "isolated", "true", "together with bridge"},
		{`"vlan": 5`, "vlan", "5", "together with bridge"},
		{`"vlanTrunk": [{}]`, "vlanTrunk[0]", "{}", "minID and maxID"},
		{`"promiscMode": true, "promisc": false`, "promisc", "false", "one of promiscMode and promisc"},
		{`"allmulti": 1`, "allmulti", "1", "true or false"},
		{`"tapName": "a/b"`, "tapName", `"a/b"`, "interface name"},
		{`"bandwidth": {"ingressRate": 8}`, "bandwidth.ingressBurst", "none", "640000"},
		{`"netnsDirs": 5`, "netnsDirs", "5", "absolute paths"},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			conf, err := ParseStatus(&Args{StdinData: []byte(vmsWith(tt.members))})
			if conf != nil {
				t.Errorf("Config returned with an error\nwant nil\ngot  %+v", conf)
			}
			wantKeyError(t, err, tt.key, tt.value, tt.allowed)
		})
	}
}
