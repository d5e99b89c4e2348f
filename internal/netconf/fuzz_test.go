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
	add := func(members, cniArgs, ifName, containerID string) {
		f.Add([]byte(vmsWith(members)), cniArgs, ifName, containerID)
	}
	f.Add([]byte(`{"name": "vms"}`), "", "net1", "0123")
	add(``, "IgnoreUnknown=1;K8S_POD_NAME=vm-0", "net1", "0123")
	add(`"multiQueue": true, "mtu": 65521, "owner": 0, "group": 4294967294, "txQueueLen": 65536`,
		"MAC=02:00:00:00:00:01", "a", "0")
	add(`"mac": "02:00:00:00:00:01", "selinuxcontext": "u:r:t:s0", "bridge": "br0", "ipam": {"type": "host-local"}`,
		"", "default", "0")
	add(`"args": {"cni": {"mac": "1"}}, "runtimeConfig": {"mac": "02-00-00-00-00-01"}, "dns": {"search": [""]}`,
		"", "voilà", "0")
	add(`"prevResult": {"interfaces": [{"name": "net1"}], "ips": [{"address": "::1/128", "interface": -1}]}`,
		"", "net1", strings.Repeat("f", 111))
	add(`"tapName": "tap0", "args": {"cni": {"mac": "02:00:00:00:00:02"}}, `+prevNet1,
		"MAC=02:00:00:00:00:03", "net1", "0123")
	add(`"tapName": "net1", "bridge": "br0", "isolated": true, "promiscMode": true, "promisc": true, "allmulti": true`,
		"", "net1", "0")
	add(`"bridge": "br0", "vlan": 4094, "vlanTrunk": [{"id": 1}, {"minID": 2, "maxID": 4094}], "preserveDefaultVlan": false`,
		"", "net1", "0")
	add(`"vlan": 0, "vlanTrunk": [{"id": 4095, "minID": 2}, null], "preserveDefaultVlan": true`, "", "net1", "0")
	add(`"bandwidth": {"ingressRate": 1000000000000000, "ingressBurst": 4294967295, "egressRate": 8, "egressBurst": 640000}`,
		"", "net1", "0")
	add(`"runtimeConfig": {"bandwidth": {"ingressRate": 0, "egressRate": 7, "egressBurst": 639999}}, "bandwidth": {}`,
		"", "net1", "0")
	add(`"netnsDirs": ["/run/docker/netns", "/"], "tapName": "..", "promiscMode": false, "promisc": true`,
		"", "net1", "0")
	add(`"redirect": true, "owner": 5, `+prevEth0, "TC_REDIRECT_TAP_NAME=vm0;TC_REDIRECT_TAP_UID=7", "eth0", "0")
	add(`"forward": true, "acceptRA": true, "bridge": "", "redirect": false`, "", "net1", "0")
	add(`"redirect": true, "mtu": 0, "tapName": "vm0", `+prevEth0, "", "0123456789abcde", "0")
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
			t.Fatalf("ParseDel of input that Parse accepts\nwant a Config\ngot  %v, %v", del, err)
		}
		if del.IPAM != conf.IPAM || del.Tap.Name != conf.Tap.Name || del.Alias() != conf.Alias() ||
			(del.PrevResult == nil) != (conf.PrevResult == nil) {
			t.Errorf("ParseDel and Parse\nwant the same IPAM, tap, alias and prevResult\ngot  %+v\nand  %+v", del, conf)
		}
	})
}

// wantDocumented checks that an error has one of the types that Parse documents, with all fields set.
func wantDocumented(t *testing.T, err error) {
	t.Helper()
	var key *KeyError
	var variable *VarError
	switch {
	case errors.As(err, &key):
		if key.Key == "" || key.Value == "" || key.Allowed == "" || !strings.Contains(err.Error(), key.Key) {
			t.Errorf("KeyError\nwant Key, Value and Allowed\ngot  %+v", key)
		}
	case errors.As(err, &variable):
		if variable.Var == "" || variable.Err == nil {
			t.Errorf("VarError\nwant Var and Err\ngot  %+v", variable)
		}
	case !errors.Is(err, ErrUndecodable):
		t.Errorf("error\nwant a KeyError, a VarError or %v\ngot  %v", ErrUndecodable, err)
	}
}

// wantWithinLimits checks the limits of docs/configuration.md, independently of the code that enforces them.
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
		{"forward", !tap.Forward || tap.Bridge == "" && !tap.Redirect},
		{"acceptRA", !tap.AcceptRA || tap.Bridge == "" && !tap.Redirect},
		{"vlan", portVLANs(tap.VLANs) && (tap.VLANs.Native == 0 || tap.Bridge != "")},
		{"bandwidth", withinLimits(tap.Bandwidth.Ingress) && withinLimits(tap.Bandwidth.Egress)},
		{"netnsDirs", !slices.ContainsFunc(conf.NetnsDirs, isUnclean)},
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

// portVLANs reports whether Tagged is ascending, with gaps, and without Native, and empty if Native is 0.
func portVLANs(v VLANs) bool {
	last := -1 // the next range begins at last+2 or later, so that there is a gap
	for _, r := range v.Tagged {
		if r.First < 1 || r.First > r.Last || r.Last > 4094 || r.First <= last+1 && last > 0 ||
			v.Native >= r.First && v.Native <= r.Last {
			return false
		}
		last = r.Last
	}
	return v.Native > 0 && v.Native <= 4094 || v.Native == 0 && len(v.Tagged) == 0 && !v.DropDefault
}

// isUnclean reports whether a path is not a clean absolute one.
func isUnclean(dir string) bool {
	return !regexp.MustCompile(`^(/[^/\x00]+)+$|^/$`).MatchString(dir) || regexp.MustCompile(`/\.\.?(/|$)`).MatchString(dir)
}

// kernelTakes reports whether the kernel accepts name as an interface name and does not expand it.
func kernelTakes(name string) bool {
	return len(name) >= 1 && len(name) <= 15 && !regexp.MustCompile(`^(\.|\.\.|all|default)$`).MatchString(name) &&
		!strings.Contains(name, "\xa0") && !regexp.MustCompile("[\x00\\s\v/:%]").MatchString(name)
}

// wantAlias checks the alias and the names derived from it. It skips network names and container IDs that
// Validate rejects before any verb runs.
func wantAlias(t *testing.T, conf *Config) {
	t.Helper()
	if !isValidIdentifier(conf.Network) || !isValidIdentifier(conf.ContainerID) {
		return
	}
	slashes := 3
	if conf.Tap.Name != conf.IfName {
		slashes = 4
	}
	if name := conf.HookName(true); len(name) > 255 || !conf.IsHook(name) || !MadeQdisc(name) || !IsHookName(name) {
		t.Errorf("name of a filter\nwant at most 255 bytes, and recognized\ngot  %q", name)
	}
	alias := conf.Alias()
	if len(alias) > 255 || strings.Count(alias, "/") != slashes || strings.ContainsAny(alias, "\x00\n") {
		t.Errorf("alias\nwant at most 255 bytes, %d slashes, one line\ngot  %q", slashes, alias)
	}
	if name := EgressName(alias); len(name) != 15 || !kernelTakes(name) {
		t.Errorf("egress device of %q\nwant an interface name of 15 bytes\ngot  %q", alias, name)
	}
}

// isValidIdentifier reports whether the CNI specification allows name as a network name and a container ID.
func isValidIdentifier(name string) bool {
	return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$`).MatchString(name)
}

// Whatever a runtime passes to GC, devices of another network are never stale.
func FuzzParseGC(f *testing.F) {
	for _, list := range []string{`[]`, `null`, `[null]`, `[{}]`, `{}`, `[{"containerID": "0123", "ifname": "net1"}]`,
		`[{"containerID": "#0123", "ifname": "a/b"}, {"containerID": "0123/net1", "ifname": "tap0"}]`} {
		f.Add(gcOf("vms", list, "").StdinData, "guests", "0123", "net1", "")
		f.Add(gcOf("a", `[]`, `"cni.dev/attachments": `+list).StdinData, "a.b", "0123", "net1", "tap0")
	}
	f.Add([]byte(vmsWith(`"mtu": 1, "netnsDirs": ["/run/docker/netns"], "ipam": {"type": "static"}, "cni.dev/attachments": []`)),
		"vms2", "0", "a", "b")
	f.Add([]byte(vmsWith(`"netnsDirs": ["/a/../b"]`)), "vms", "0", "a", "b")
	f.Add(gcOf(strings.Repeat("x", 108), `[]`, "").StdinData, strings.Repeat("x", 109), strings.Repeat("f", 108), "net1", "tap0")
	f.Add(gcOf("", `[]`, "").StdinData, "vms", "0", "net1", "")
	f.Fuzz(func(t *testing.T, stdin []byte, other, containerID, ifName, tapName string) {
		conf, valid, err := ParseGC(&Args{StdinData: stdin})
		if err != nil {
			wantDocumented(t, err)
			if valid != nil {
				t.Errorf("ValidAttachments returned with the error %v\nwant nil\ngot  %+v", err, valid)
			}
			return
		}
		if slices.ContainsFunc(conf.NetnsDirs, isUnclean) {
			t.Errorf("NetnsDirs\nwant clean absolute paths\ngot  %q", conf.NetnsDirs)
		}
		valid.Stale(ifName) // must not panic: a device can have any alias
		valid.IsEgress(ifName, tapName)
		if other == conf.Network || !isValidIdentifier(conf.Network) || !isValidIdentifier(other) ||
			!isValidIdentifier(containerID) || !kernelTakes(ifName) {
			return
		}
		alias := aliasOf(other, containerID, ifName, tapName)
		if valid.Stale(alias) {
			t.Errorf("Stale(%q) of %s, in %s\nwant false\ngot  true", alias, other, conf.Network)
		}
		if name := EgressName(alias); valid.IsEgress(name, EgressAlias(alias)) {
			t.Errorf("IsEgress(%q, %q) of %s, in %s\nwant false\ngot  true", name, EgressAlias(alias), other, conf.Network)
		}
	})
}

// GC finds devices by the names that ADD gives them. They are stale if and only if the attachment is not
// valid.
func FuzzValidAttachments(f *testing.F) {
	f.Add("vms", "0123abcd", "net1", "")
	f.Add("vms", "0123abcd", "net1", "tap0")
	f.Add("a.b", "a-b_c", "voil", `a\b"c'`)
	f.Add("tap", "tap", "tap", "ifb")
	f.Add(strings.Repeat("x", 107), strings.Repeat("f", 107), "123456789012345", "543210987654321")
	f.Add(strings.Repeat("x", 108), strings.Repeat("f", 108), "123456789012345", "543210987654321")
	f.Fuzz(func(t *testing.T, network, containerID, ifName, tapName string) {
		if !isValidIdentifier(network) || !isValidIdentifier(containerID) || !utf8.ValidString(ifName) || !kernelTakes(ifName) ||
			tapName != "" && !kernelTakes(tapName) {
			return
		}
		attachments, err := json.Marshal([]map[string]string{{"containerID": containerID, "ifname": ifName}})
		if err != nil {
			t.Fatal(err)
		}
		alias := aliasOf(network, containerID, ifName, tapName)
		if validAttachmentsOf(t, network, string(attachments)).Stale(alias) {
			t.Errorf("Stale(%q) of a valid attachment\nwant false\ngot  true", alias)
		}
		valid := validAttachmentsOf(t, network, `[]`)
		if !valid.Stale(alias) {
			t.Errorf("Stale(%q) of an attachment that is not valid\nwant true\ngot  false", alias)
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
				t.Errorf("result returned with the error %v\nwant nil\ngot  %v", err, first)
			}
			return
		}
		if first.CNIVersion != current.ImplementedSpecVersion {
			t.Errorf("version\nwant %s\ngot  %s", current.ImplementedSpecVersion, first.CNIVersion)
		}
		// ADD encodes it into its own result, which the runtime must be able to decode.
		want, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("encode %v: %v", first, err)
		}
		second, err := DecodeResult(want, "not used")
		if err != nil {
			t.Fatalf("DecodeResult of the encoded result: %v\ndecoded %s\nencoded %s", err, data, want)
		}
		if got, err := json.Marshal(second); err != nil || string(got) != string(want) {
			t.Errorf("encoded again\nwant %s\ngot  %s, %v", want, got, err)
		}
	})
}
