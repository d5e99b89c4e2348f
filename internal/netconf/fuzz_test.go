package netconf

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	current "github.com/containernetworking/cni/pkg/types/100"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name": "vms"}`), "", "net1", "0123")
	f.Add([]byte(vmsWith(``)), "IgnoreUnknown=1;K8S_POD_NAME=vm-0", "net1", "0123")
	f.Add([]byte(vmsWith(`"multiQueue": true, "mtu": 65521, "owner": 0, "group": 4294967294, "txQueueLen": 65536`)), "MAC=02:00:00:00:00:01", "a", "0")
	f.Add([]byte(vmsWith(`"mac": "02:00:00:00:00:01", "selinuxcontext": "u:r:t:s0", "bridge": "br0", "ipam": {"type": "host-local"}`)), "", "default", "0")
	f.Add([]byte(vmsWith(`"args": {"cni": {"mac": "1"}}, "runtimeConfig": {"mac": "02-00-00-00-00-01"}, "dns": {"search": [""]}`)), "", "voilà", "0")
	f.Add([]byte(vmsWith(`"prevResult": {"interfaces": [{"name": "net1"}], "ips": [{"address": "::1/128", "interface": -1}]}`)), "", "net1", strings.Repeat("f", 111))
	f.Add([]byte(vmsWith(`"tapName": "tap0", "args": {"cni": {"mac": "02:00:00:00:00:02"}}, `+prevNet1)), "MAC=02:00:00:00:00:03", "net1", "0123")
	f.Add([]byte(vmsWith(`"tapName": "net1", "bridge": "br0", "isolated": true, "promiscMode": true, "promisc": true, "allmulti": true`)), "", "net1", "0")
	f.Add([]byte(vmsWith(`"bridge": "br0", "vlan": 4094, "vlanTrunk": [{"id": 1}, {"minID": 2, "maxID": 4094}], "preserveDefaultVlan": false`)), "", "net1", "0")
	f.Add([]byte(vmsWith(`"vlan": 0, "vlanTrunk": [{"id": 4095, "minID": 2}, null], "preserveDefaultVlan": true`)), "", "net1", "0")
	f.Add([]byte(vmsWith(`"bandwidth": {"ingressRate": 1000000000000000, "ingressBurst": 4294967295, "egressRate": 8, "egressBurst": 640000}`)), "", "net1", "0")
	f.Add([]byte(vmsWith(`"runtimeConfig": {"bandwidth": {"ingressRate": 0, "egressRate": 7, "egressBurst": 639999}}, "bandwidth": {}`)), "", "net1", "0")
	f.Add([]byte(vmsWith(`"netnsDirs": ["/run/docker/netns", "/"], "tapName": "..", "promiscMode": false, "promisc": true`)), "", "net1", "0")
	f.Add([]byte(vmsWith(`"redirect": true, "owner": 5, `+prevEth0)), "TC_REDIRECT_TAP_NAME=vm0;TC_REDIRECT_TAP_UID=7", "eth0", "0")
	f.Add([]byte(vmsWith(`"redirect": true, "mtu": 0, "tapName": "vm0", `+prevEth0)), "", "0123456789abcde", "0")
	for version, result := range resultsByVersion {
		f.Add([]byte(withVersion(`{"name": "vms", "ipam": {"type": "x"}, "prevResult": `+result+`}`, version)), "", "net1", "0")
	}
	f.Fuzz(func(t *testing.T, stdin []byte, cniArgs, ifName, containerID string) {
		call := &Args{ContainerID: containerID, Netns: "/run/netns/pod", IfName: ifName, Args: cniArgs, StdinData: stdin}
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
		if del.IPAM != conf.IPAM || del.Tap.Name != conf.Tap.Name || del.Alias() != conf.Alias() || (del.PrevResult == nil) != (conf.PrevResult == nil) {
			t.Errorf("ParseDel and Parse\nwant the same IPAM, tap, alias and prevResult\ngot  %+v\nand  %+v", del, conf)
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
		{"tapName", kernelTakes(tap.Name) && (tap.Name == conf.IfName || conf.PrevResult != nil)},
		{"isolated", !tap.Isolated || tap.Bridge != ""},
		{"vlan", portVLANs(tap.VLANs) && (tap.VLANs.Native == 0 || tap.Bridge != "")},
		{"bandwidth", withinLimits(tap.Bandwidth.Ingress) && withinLimits(tap.Bandwidth.Egress)},
		{"netnsDirs", !slices.ContainsFunc(conf.NetnsDirs, leadsElsewhere)},
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

func withinLimits(limit Limit) bool {
	return limit == Limit{} || limit.Rate >= 8 && limit.Rate <= 1e15 && limit.Burst >= 640e3 && limit.Burst < 8*(1<<32-1)
}

// portVLANs says whether each VLAN of a port is there once, in order, and none without a native one.
func portVLANs(v VLANs) bool {
	last := -1 // the next range begins one further, or there would be no gap
	for _, r := range v.Tagged {
		if r.First < 1 || r.First > r.Last || r.Last > 4094 || r.First <= last+1 && last > 0 || v.Native >= r.First && v.Native <= r.Last {
			return false
		}
		last = r.Last
	}
	return v.Native > 0 && v.Native <= 4094 || v.Native == 0 && len(v.Tagged) == 0 && !v.DropDefault
}

// leadsElsewhere says whether a path may not be what it looks like.
func leadsElsewhere(dir string) bool {
	return !regexp.MustCompile(`^(/[^/\x00]+)+$|^/$`).MatchString(dir) || regexp.MustCompile(`/\.\.?(/|$)`).MatchString(dir)
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
	if !skeletonTakes(conf.Network) || !skeletonTakes(conf.ContainerID) {
		return
	}
	slashes := 3
	if conf.Tap.Name != conf.IfName {
		slashes = 4
	}
	if name := conf.HookName(true); len(name) > 255 || !conf.IsHook(name) || !MadeQdisc(name) || !IsHookName(name) {
		t.Errorf("name of a filter\nwant at most 255 bytes, recognized\ngot  %q", name)
	}
	alias := conf.Alias()
	if len(alias) > 255 || strings.Count(alias, "/") != slashes || strings.ContainsAny(alias, "\x00\n") {
		t.Errorf("alias\nwant at most 255 bytes, %d slashes, one line\ngot  %q", slashes, alias)
	}
	if name := EgressName(alias); len(name) != 15 || !kernelTakes(name) {
		t.Errorf("egress device of %q\nwant an interface name of 15 bytes\ngot  %q", alias, name)
	}
}

// skeletonTakes says whether a network's name or a container ID reaches a verb.
func skeletonTakes(name string) bool {
	return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$`).MatchString(name)
}

// What a runtime may pass to GC is judged from one side: nothing of another
// network is ever garbage of this one.
func FuzzParseGC(f *testing.F) {
	for _, list := range []string{`[]`, `null`, `[null]`, `[{}]`, `{}`, `[{"containerID": "0123", "ifname": "net1"}]`,
		`[{"containerID": "#0123", "ifname": "a/b"}, {"containerID": "0123/net1", "ifname": "tap0"}]`} {
		f.Add(gcOf("vms", list, "").StdinData, "guests", "0123", "net1", "")
		f.Add(gcOf("a", `[]`, `"cni.dev/attachments": `+list).StdinData, "a.b", "0123", "net1", "tap0")
	}
	f.Add([]byte(vmsWith(`"mtu": 1, "netnsDirs": ["/run/docker/netns"], "ipam": {"type": "static"}, "cni.dev/attachments": []`)), "vms2", "0", "a", "b")
	f.Add([]byte(vmsWith(`"netnsDirs": ["/a/../b"]`)), "vms", "0", "a", "b")
	f.Add(gcOf(strings.Repeat("x", 108), `[]`, "").StdinData, strings.Repeat("x", 109), strings.Repeat("f", 108), "net1", "tap0")
	f.Add(gcOf("", `[]`, "").StdinData, "vms", "0", "net1", "")
	f.Fuzz(func(t *testing.T, stdin []byte, other, containerID, ifName, tapName string) {
		conf, valid, err := ParseGC(&Args{StdinData: stdin})
		if err != nil {
			wantDocumented(t, err)
			if valid != nil {
				t.Errorf("ValidAttachments beside the error %v\nwant nil\ngot  %+v", err, valid)
			}
			return
		}
		if slices.ContainsFunc(conf.NetnsDirs, leadsElsewhere) {
			t.Errorf("NetnsDirs\nwant paths that say where they lead\ngot  %q", conf.NetnsDirs)
		}
		valid.Stale(ifName) // any text may stand on a device
		valid.IsEgress(ifName, tapName)
		if other == conf.Network || !skeletonTakes(conf.Network) || !skeletonTakes(other) || !skeletonTakes(containerID) || !kernelTakes(ifName) {
			return
		}
		alias := aliasOf(other, containerID, ifName, tapName)
		if valid.Stale(alias) {
			t.Errorf("Stale(%q), which is of the network %s, in %s\nwant false\ngot  true", alias, other, conf.Network)
		}
		if name := EgressName(alias); valid.IsEgress(name, EgressAlias(alias)) {
			t.Errorf("IsEgress(%q, %q), which is of the network %s, in %s\nwant false\ngot  true", name, EgressAlias(alias), other, conf.Network)
		}
	})
}

// What ADD calls its devices, GC finds: as garbage where the runtime does not
// know the attachment, and only there.
func FuzzValidAttachments(f *testing.F) {
	f.Add("vms", "0123abcd", "net1", "")
	f.Add("vms", "0123abcd", "net1", "tap0")
	f.Add("a.b", "a-b_c", "voil", `a\b"c'`)
	f.Add("tap", "tap", "tap", "ifb")
	f.Add(strings.Repeat("x", 107), strings.Repeat("f", 107), "123456789012345", "543210987654321")
	f.Add(strings.Repeat("x", 108), strings.Repeat("f", 108), "123456789012345", "543210987654321")
	f.Fuzz(func(t *testing.T, network, containerID, ifName, tapName string) {
		if !skeletonTakes(network) || !skeletonTakes(containerID) || !utf8.ValidString(ifName) || !kernelTakes(ifName) ||
			tapName != "" && !kernelTakes(tapName) {
			return
		}
		known, err := json.Marshal([]map[string]string{{"containerID": containerID, "ifname": ifName}})
		if err != nil {
			t.Fatal(err)
		}
		alias := aliasOf(network, containerID, ifName, tapName)
		if validAttachmentsOf(t, network, string(known)).Stale(alias) {
			t.Errorf("Stale(%q), which is known\nwant false\ngot  true", alias)
		}
		valid := validAttachmentsOf(t, network, `[]`)
		if !valid.Stale(alias) {
			t.Errorf("Stale(%q), which is not known\nwant true\ngot  false", alias)
		}
		for _, of := range []string{"", EgressAlias(alias)} {
			if name := EgressName(alias); !valid.IsEgress(name, of) {
				t.Errorf("IsEgress(%q, %q) in %s\nwant true\ngot  false", name, of, network)
			}
		}
	})
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
