package netconf

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	current "github.com/containernetworking/cni/pkg/types/100"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name": "vms"}`), "", "net1", "0123")
	f.Add([]byte(vmsWith(``)), "IgnoreUnknown=1;K8S_POD_NAME=vm-0", "net1", "0123")
	f.Add([]byte(vmsWith(`"multiQueue": true, "mtu": 65521, "owner": 0, "group": 4294967294, "txQueueLen": 65536`)), "MAC=02:00:00:00:00:01", "a", "0")
	f.Add([]byte(vmsWith(`"mac": "02:00:00:00:00:01", "selinuxcontext": "u:r:t:s0", "bridge": "br0", "ipam": {"type": "host-local"}`)), "", "default", "0")
	f.Add([]byte(vmsWith(`"args": {"cni": {"mac": "1"}}, "runtimeConfig": {"mac": "02-00-00-00-00-01"}, "dns": {"search": [""]}`)), "", "voilà", "0")
	f.Add([]byte(vmsWith(`"prevResult": {"interfaces": [{"name": "net1"}], "ips": [{"address": "::1/128", "interface": -1}]}`)), "", "net1", strings.Repeat("f", 111))
	for version, result := range resultsByVersion {
		f.Add([]byte(withVersion(`{"name": "vms", "ipam": {"type": "x"}, "prevResult": `+result+`}`, version)), "", "net1", "0")
	}
	f.Fuzz(func(t *testing.T, stdin []byte, cniArgs, ifName, containerID string) {
		call := &skel.CmdArgs{ContainerID: containerID, Netns: "/run/netns/pod", IfName: ifName, Args: cniArgs, StdinData: stdin}
		conf, err := Parse(call)
		if err != nil {
			wantDocumented(t, err)
			return
		}
		wantWithinLimits(t, conf)
		wantAlias(t, conf)

		del, err := ParseDel(call)
		if err != nil || del == nil {
			t.Fatalf("ParseDel of what Parse takes\nwant a Config\ngot  %v, %v", del, err)
		}
		if del.IPAM != conf.IPAM || del.Alias() != conf.Alias() || (del.PrevResult == nil) != (conf.PrevResult == nil) {
			t.Errorf("ParseDel and Parse\nwant the same IPAM, alias and prevResult\ngot  %+v\nand  %+v", del, conf)
		}
	})
}

// wantDocumented checks that an error is of one of the kinds that Parse promises, and helps.
func wantDocumented(t *testing.T, err error) {
	t.Helper()
	var key *KeyError
	var variable *VarError
	switch {
	case errors.As(err, &key):
		if key.Key == "" || key.Value == "" || key.Allowed == "" || !strings.Contains(err.Error(), key.Key) {
			t.Errorf("KeyError\nwant key, value and what is allowed\ngot  %+v", key)
		}
	case errors.As(err, &variable):
		if variable.Var == "" || variable.Err == nil {
			t.Errorf("VarError\nwant a name and a cause\ngot  %+v", variable)
		}
	case !errors.Is(err, ErrUndecodable):
		t.Errorf("error\nwant a KeyError, a VarError or %v\ngot  %v", ErrUndecodable, err)
	}
}

// wantWithinLimits repeats the limits of docs/configuration.md in other words than the code.
func wantWithinLimits(t *testing.T, conf *Config) {
	t.Helper()
	tap := conf.Tap
	var zero [6]byte
	limits := []struct {
		name string
		ok   bool
	}{
		{"cniVersion", conf.CNIVersion != ""},
		{"CNI_IFNAME", kernelTakes(conf.IfName)},
		{"mtu", tap.MTU == 0 || tap.MTU >= 68 && tap.MTU <= 65521},
		{"txQueueLen", tap.TxQueueLen >= 0 && tap.TxQueueLen <= 65536},
		{"mac", tap.MAC == nil || len(tap.MAC) == 6 && tap.MAC[0]&1 == 0 && [6]byte(tap.MAC) != zero},
		{"owner", tap.Owner == nil || *tap.Owner != 4294967295},
		{"group", tap.Group == nil || *tap.Group != 4294967295},
		{"selinuxContext", !strings.Contains(tap.Label, "\x00")},
		{"bridge", tap.Bridge == "" || kernelTakes(tap.Bridge)},
		{"ipam.type", !regexp.MustCompile(`^\.\.?$|[/\x00]`).MatchString(conf.IPAM)},
	}
	for _, limit := range limits {
		if !limit.ok {
			t.Errorf("%s\nwant it within its limits\ngot  %+v", limit.name, conf)
		}
	}
}

// kernelTakes says whether a name is one for the kernel, and for it alone.
func kernelTakes(name string) bool {
	return len(name) >= 1 && len(name) <= 15 && !regexp.MustCompile(`^(\.|\.\.|all|default)$`).MatchString(name) &&
		!strings.Contains(name, "\xa0") && !regexp.MustCompile("[\x00\\s\v/:%]").MatchString(name)
}

// wantAlias looks at the alias of what the CNI skeleton lets pass: it checks
// the network's name and the container ID before any verb runs.
func wantAlias(t *testing.T, conf *Config) {
	t.Helper()
	passes := regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$`)
	if !passes.MatchString(conf.Network) || !passes.MatchString(conf.ContainerID) {
		return
	}
	if alias := conf.Alias(); len(alias) > 255 || strings.Count(alias, "/") != 3 || strings.ContainsAny(alias, "\x00\n") {
		t.Errorf("alias\nwant at most 255 bytes, 3 slashes, one line\ngot  %q", alias)
	}
}

func FuzzDecodeResult(f *testing.F) {
	for version, result := range resultsByVersion {
		f.Add([]byte(result), version)
		f.Add([]byte(withVersion(result, version)), "1.1.0")
	}
	f.Add([]byte(`{"cniVersion": "1.1.0", "interfaces": [{}], "ips": [], "routes": [{"dst": "::/0", "table": -1}]}`), "")
	f.Add([]byte(`{"interfaces": [null], "ips": [null], "routes": [null]}`), "0.4.0")
	f.Add([]byte(`{"CniVersion": "0.1.0", "ip4": {}}`), "")
	f.Add([]byte(`null`), "1.1.0")
	f.Fuzz(func(t *testing.T, data []byte, confVersion string) {
		first, err := DecodeResult(data, confVersion)
		if err != nil {
			if first != nil {
				t.Errorf("result beside the error %v\nwant nil\ngot  %v", err, first)
			}
			return
		}
		if first.CNIVersion != current.ImplementedSpecVersion {
			t.Errorf("version\nwant %s\ngot  %s", current.ImplementedSpecVersion, first.CNIVersion)
		}
		// It goes into our own result, which the runtime has to be able to read.
		want, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("encode %v: %v", first, err)
		}
		second, err := DecodeResult(want, "not used")
		if err != nil {
			t.Fatalf("what was decoded cannot be handed on: %v\nfrom %s\nto   %s", err, data, want)
		}
		if got, err := json.Marshal(second); err != nil || string(got) != string(want) {
			t.Errorf("handed on\nwant %s\ngot  %s, %v", want, got, err)
		}
	})
}
