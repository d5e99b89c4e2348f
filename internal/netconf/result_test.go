package netconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
)

// resultsByVersion maps each cniVersion to the result of a previous plugin, without its cniVersion: one
// address with its gateway, one route, one name server.
var resultsByVersion = map[string]string{
	"0.1.0": result01, "0.2.0": result01,
	"0.3.0": result03, "0.3.1": result03, "0.4.0": result03,
	"1.0.0": result10, "1.1.0": result10,
}

const (
	result01 = `{"ip4": {"ip": "10.0.0.5/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
		"dns": {"nameservers": ["10.0.0.53"]}}`
	result03 = `{"interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:09", "sandbox": "/run/netns/pod"}],
		"ips": [{"version": "4", "interface": 0, "address": "10.0.0.5/24", "gateway": "10.0.0.1"}],
		"routes": [{"dst": "0.0.0.0/0"}], "dns": {"nameservers": ["10.0.0.53"]}}`
	result10 = `{"interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:09", "sandbox": "/run/netns/pod"}],
		"ips": [{"interface": 0, "address": "10.0.0.5/24", "gateway": "10.0.0.1"}],
		"routes": [{"dst": "0.0.0.0/0"}], "dns": {"nameservers": ["10.0.0.53"]}}`
)

// withVersion adds cniVersion as the first member of an object.
func withVersion(object, version string) string {
	return `{"cniVersion": "` + version + `", ` + strings.TrimPrefix(object, "{")
}

func TestDecodeResult(t *testing.T) {
	for version, result := range resultsByVersion {
		forms := map[string]string{"own version": withVersion(result, version), "version of the configuration": result}
		for form, data := range forms {
			t.Run(version+"/"+form, func(t *testing.T) {
				confVersion := version
				if form == "own version" {
					confVersion = "not used"
				}
				got, err := DecodeResult([]byte(data), confVersion)
				if err != nil {
					t.Fatalf("DecodeResult\nwant no error\ngot  %v", err)
				}
				wantResult(t, got, version >= "0.3.0")
			})
		}
	}
}

// wantResult checks all values of resultsByVersion.
func wantResult(t *testing.T, got *current.Result, interfaces bool) {
	t.Helper()
	if got.CNIVersion != current.ImplementedSpecVersion {
		t.Errorf("version\nwant %s\ngot  %s", current.ImplementedSpecVersion, got.CNIVersion)
	}
	if len(got.IPs) != 1 || got.IPs[0].Address.String() != "10.0.0.5/24" || got.IPs[0].Gateway.String() != "10.0.0.1" {
		t.Errorf("IPs\nwant 10.0.0.5/24 with the gateway 10.0.0.1\ngot  %v", got.IPs)
	}
	if len(got.Routes) != 1 || got.Routes[0].Dst.String() != "0.0.0.0/0" || got.Routes[0].GW != nil {
		t.Errorf("Routes\nwant 0.0.0.0/0\ngot  %v", got.Routes)
	}
	if len(got.DNS.Nameservers) != 1 || got.DNS.Nameservers[0] != "10.0.0.53" {
		t.Errorf("DNS\nwant 10.0.0.53\ngot  %v", got.DNS)
	}
	if !interfaces {
		return
	}
	want := current.Interface{Name: "eth0", Mac: "02:00:00:00:00:09", Sandbox: "/run/netns/pod"}
	if len(got.Interfaces) != 1 || *got.Interfaces[0] != want {
		t.Errorf("Interfaces\nwant eth0\ngot  %v", got.Interfaces)
	}
	if index := got.IPs[0].Interface; index == nil || *index != 0 {
		t.Errorf("interface of the address\nwant 0\ngot  %v", index)
	}
}

func TestDecodeResultKeepsKeysOf110(t *testing.T) {
	got, err := DecodeResult([]byte(`{"cniVersion": "1.1.0",
		"interfaces": [{"name": "eth0", "mtu": 1400, "socketPath": "/run/vhost", "pciID": "0000:00:1f.6"}],
		"ips": [{"address": "fd00::5/64"}],
		"routes": [{"dst": "fd01::/64", "gw": "fd00::1", "mtu": 1300, "advmss": 1200, "priority": 5, "table": 100, "scope": 0}]
		}`), "1.1.0")
	if err != nil {
		t.Fatalf("DecodeResult\nwant no error\ngot  %v", err)
	}
	if i := got.Interfaces[0]; i.Mtu != 1400 || i.SocketPath != "/run/vhost" || i.PciID != "0000:00:1f.6" {
		t.Errorf("interface\nwant mtu, socketPath and pciID kept\ngot  %+v", i)
	}
	if index := got.IPs[0].Interface; index != nil {
		t.Errorf("absent interface index\nwant absent\ngot  %d", *index)
	}
	r := got.Routes[0]
	if r.MTU != 1300 || r.AdvMSS != 1200 || r.Priority != 5 ||
		r.Table == nil || *r.Table != 100 || r.Scope == nil || *r.Scope != 0 {
		t.Errorf("route\nwant every attribute kept\ngot  %v", r)
	}
}

func TestDecodeResultRefused(t *testing.T) {
	tests := []struct {
		name, data  string
		undecodable bool // want ErrUndecodable
	}{
		{"empty", ``, true},
		{"not JSON", `hello`, true},
		{"array", `[]`, true},
		{"string", `"ok"`, true},
		{"cniVersion is a number", `{"cniVersion": 1}`, true},
		{"two objects", `{} {}`, true},
		{"version unknown", `{"cniVersion": "7.0.0"}`, false},
		{"address is a word", `{"cniVersion": "1.0.0", "ips": [{"address": "dhcp"}]}`, false},
		{"address without prefix length", `{"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.5"}]}`, false},
		{"ips is an object", `{"cniVersion": "1.0.0", "ips": {}}`, false},
		{"route destination is a word", `{"cniVersion": "1.0.0", "routes": [{"dst": "default"}]}`, false},
		{"gateway is a word", `{"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.5/24", "gateway": "router"}]}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeResult([]byte(tt.data), "1.0.0")
			if err == nil || got != nil {
				t.Fatalf("DecodeResult(%s)\nwant an error\ngot  %v", tt.data, got)
			}
			if tt.undecodable && !errors.Is(err, ErrUndecodable) {
				t.Errorf("error\nwant %v in the chain\ngot  %v", ErrUndecodable, err)
			}
		})
	}
}

// The CNI library decodes these results without an error. Later it panics on them, or prints "<nil>" for an
// address, which no runtime can decode.
func TestDecodeResultIncompleteRefused(t *testing.T) {
	tests := []struct{ name, version, data string }{
		{"null", "1.1.0", `null`},
		{"null and a newline", "1.1.0", "null\n"},
		{"null interface", "1.1.0", `{"interfaces": [null]}`},
		{"null interface, 0.4.0", "0.4.0", `{"interfaces": [null]}`},
		{"null address", "1.1.0", `{"ips": [null]}`},
		{"null address, 0.4.0", "0.4.0", `{"ips": [null]}`},
		{"null address, 0.3.1", "0.3.1", `{"ips": [null]}`},
		{"null route", "1.1.0", `{"routes": [null]}`},
		{"null route, 0.4.0", "0.4.0", `{"routes": [null]}`},
		{"address missing", "1.1.0", `{"ips": [{"gateway": "10.0.0.1"}]}`},
		{"destination missing", "1.1.0", `{"routes": [{"gw": "10.0.0.1"}]}`},
		{"ip missing, 0.2.0", "0.2.0", `{"ip4": {"gateway": "10.0.0.1"}}`},
		{"destination missing, 0.2.0", "0.2.0", `{"ip6": {"ip": "fd00::5/64", "routes": [null]}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("DecodeResult\nwant an error\ngot  panic: %v", r)
				}
			}()
			got, err := DecodeResult([]byte(tt.data), tt.version)
			if err == nil {
				t.Errorf("DecodeResult\nwant an error\ngot  %+v", got)
			}
		})
	}
}

func TestParsePrevResult(t *testing.T) {
	for version, result := range resultsByVersion {
		for _, prev := range []string{result, withVersion(result, version)} {
			t.Run(version, func(t *testing.T) {
				call := callOf(withVersion(`{"name": "vms", "ipam": {"type": "static"}, "prevResult": `+prev+`}`, version))
				wantResult(t, mustParse(t, call).PrevResult, version >= "0.3.0")

				conf, err := ParseDel(call)
				if err != nil {
					t.Fatalf("ParseDel\nwant no error\ngot  %v", err)
				}
				wantResult(t, conf.PrevResult, version >= "0.3.0")
			})
		}
	}
}

func TestParsePrevResultAbsent(t *testing.T) {
	for name, members := range map[string]string{"absent": ``, "null": `"prevResult": null`} {
		t.Run(name, func(t *testing.T) {
			if got := mustParse(t, callOf(vmsWith(members))).PrevResult; got != nil {
				t.Errorf("PrevResult\nwant nil\ngot  %v", got)
			}
		})
	}
}

func TestParsePrevResultEmptyObject(t *testing.T) {
	if got := mustParse(t, callOf(vmsWith(`"prevResult": {}`))).PrevResult; got == nil {
		t.Error("PrevResult of {}\nwant an empty result\ngot  nil")
	}
}

func TestParsePrevResultRefused(t *testing.T) {
	tests := []struct{ name, value string }{
		{"number", `5`},
		{"string", `"{}"`},
		{"array", `[]`},
		{"version unknown", `{"cniVersion": "9.9.9"}`},
		{"interfaces is an object", `{"interfaces": {}}`},
		{"address is a word", `{"ips": [{"address": "x"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(callOf(vmsWith(`"prevResult": ` + tt.value)))
			wantKeyError(t, err, "prevResult", tt.value, "1.1.0")
		})
	}
}

// Decoding an encoded result yields the same result.
func TestDecodeResultTwice(t *testing.T) {
	for version, data := range resultsByVersion {
		t.Run(version, func(t *testing.T) {
			first, err := DecodeResult([]byte(data), version)
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(first)
			if err != nil {
				t.Fatal(err)
			}
			second, err := DecodeResult(want, "not used")
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(second)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("encoded second result\nwant %s\ngot  %s", want, got)
			}
		})
	}
}

// The CNI library encodes results through float64. Numbers that it would change are rejected.
func TestDecodeResultNumberOutOfRange(t *testing.T) {
	for key, format := range map[string]string{
		"interfaces[0].mtu":  `{"interfaces": [{"name": "a", "mtu": %d}]}`,
		"ips[0].interface":   `{"ips": [{"address": "192.0.2.2/24", "interface": %d}]}`,
		"routes[0].mtu":      `{"routes": [{"dst": "0.0.0.0/0", "mtu": %d}]}`,
		"routes[0].advmss":   `{"routes": [{"dst": "0.0.0.0/0", "advmss": %d}]}`,
		"routes[0].priority": `{"routes": [{"dst": "0.0.0.0/0", "priority": %d}]}`,
		"routes[0].table":    `{"routes": [{"dst": "0.0.0.0/0", "table": %d}]}`,
		"routes[0].scope":    `{"routes": [{"dst": "0.0.0.0/0", "scope": %d}]}`,
	} {
		for n, refused := range map[int]bool{
			1 << 53: false, -1 << 53: false, 1<<53 + 1: true, -1<<53 - 1: true, 1<<63 - 1: true,
		} {
			data := fmt.Sprintf(format, n)
			_, err := DecodeResult([]byte(data), "1.1.0")
			if (err != nil) != refused {
				t.Errorf("DecodeResult of %s\nwant an error: %v\ngot  %v", data, refused, err)
			}
			if refused {
				wantText(t, err, fmt.Sprintf("%s: %d is out of range", key, n))
			}
		}
	}
}
