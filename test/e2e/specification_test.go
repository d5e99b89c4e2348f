package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tap/test/harness"
	"tap/test/netns"
)

// CONF-1: a network name that the specification does not allow is refused before anything is touched.
func TestSpecConfNetworkName(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	for _, name := range []string{"", "-vms", ".vms", "_vms", "v/ms", `v\ms`, "v ms", "vms\n", "vmß"} {
		for _, verb := range []string{"ADD", "DEL", "STATUS"} {
			host.Run(verb, "net1", conf(t, fake(), m{"name": name})).WantError(codeConfig, "network name")
		}
	}
	for _, name := range []string{"0", "V_m.s-1", "vms-"} {
		host.Run("ADD", "net1", conf(t, m{"name": name})).WantOK()
		host.Run("DEL", "net1", conf(t, m{"name": name})).WantOK()
	}
	host.WantSame(before)
	if calls := host.Verbs(); calls != "" {
		t.Errorf("IPAM was asked to %s", calls)
	}
}

// PARAM-1: so is a container ID.
func TestSpecParamContainerID(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	for _, host.ContainerID = range []string{"", "-c", ".c", "_c", "c/d", "c d", "c:d", "ç"} {
		for _, verb := range []string{"ADD", "CHECK", "DEL"} {
			host.Run(verb, "net1", conf(t, fake())).WantError(codeEnvironment)
		}
	}
	for _, host.ContainerID = range []string{"0", "C_d.e-f", "c-"} {
		host.Run("ADD", "net1", conf(t)).WantOK()
		host.Run("DEL", "net1", conf(t)).WantOK()
	}
	host.WantSame(before)
	if calls := host.Verbs(); calls != "" {
		t.Errorf("IPAM was asked to %s", calls)
	}
}

// PARAM-3, ERR-6: the error names the variable that is missing.
func TestSpecParamRequired(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	for verb, names := range map[string][]string{
		"ADD":   {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"},
		"CHECK": {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"},
		"DEL":   {"CNI_CONTAINERID", "CNI_IFNAME"},
		"GC":    {"CNI_PATH"},
	} {
		for _, name := range names {
			host.Run(verb, "net1", conf(t, fake(), known()), name+"=").WantError(codeEnvironment, name)
		}
	}
	host.WantSame(before)
}

// PARAM-4: a verb asks for no other variable than those that the specification requires, and CNI_PATH.
func TestSpecParamOptional(t *testing.T) {
	host := newGCHost(t)
	for _, c := range []struct {
		verb string
		has  []string
	}{
		{"VERSION", nil},
		{"STATUS", []string{"CNI_PATH"}},
		{"ADD", []string{"CNI_PATH", "CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"}},
		{"DEL", []string{"CNI_PATH", "CNI_CONTAINERID", "CNI_IFNAME"}},
		{"GC", []string{"CNI_PATH"}},
	} {
		cmd := host.Command(c.verb, "net1", host.conf(known()))
		cmd.Env = slices.DeleteFunc(cmd.Env, func(entry string) bool {
			name, _, _ := strings.Cut(entry, "=")
			return strings.HasPrefix(name, "CNI_") && name != "CNI_COMMAND" && !slices.Contains(c.has, name)
		})
		host.Finish(cmd).WantOK()
	}
}

// ERR-1, ERR-2, ERR-5: whatever is wrong is one error object with the code that the specification has for it.
func TestSpecErrorCodes(t *testing.T) {
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	for name, c := range map[string]struct {
		verb, conf string
		stdin      *os.File // instead of conf
		code       int
	}{
		"ADD of no version":        {verb: "ADD", conf: conf(t, m{"cniVersion": "9.9.9"}), code: 1},
		"STATUS of an old version": {verb: "STATUS", conf: conf(t, m{"cniVersion": "1.0.0"}), code: 1},
		"GC of an old version":     {verb: "GC", conf: conf(t, known(), m{"cniVersion": "1.0.0"}), code: 1},
		"no such verb":             {verb: "HELLO", conf: conf(t), code: 4},
		"stdin cannot be read":     {verb: "ADD", stdin: folder, code: 5},
		"no JSON":                  {verb: "ADD", conf: "{", code: 6},
		"version is a number":      {verb: "ADD", conf: conf(t, m{"cniVersion": 1}), code: 6},
		"a key":                    {verb: "ADD", conf: conf(t, m{"mtu": "big"}), code: 7},
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			before := host.Snapshot()
			cmd := host.Command(c.verb, "net1", c.conf)
			if c.stdin != nil {
				cmd.Stdin = c.stdin
			}
			if got := host.Finish(cmd).WantError(c.code); got.Msg == "" {
				t.Error("the error has no message")
			}
			host.WantSame(before)
		})
	}
}

// DEL-2: an empty prevResult, in whatever form, is no error, and keeps nothing alive.
func TestSpecDelEmptyPrevResult(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	for _, prev := range []m{{}, {"prevResult": nil}, {"prevResult": m{}}, {"prevResult": m{"cniVersion": "1.1.0"}}} {
		host.Run("ADD", "net1", conf(t, fake())).WantOK()
		host.Run("DEL", "net1", conf(t, fake(), prev)).WantOK()
		host.WantSame(before)
	}
}

// DEL-4: the reservation is released although the interface is gone.
func TestSpecDelInterfaceIsGone(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	host.Run("ADD", "net1", conf(t, fake())).WantOK()
	host.Exec("ip", "link", "del", "net1")
	host.Run("DEL", "net1", conf(t, fake())).WantOK()
	host.WantSame(before)
}

// CHECK-1, CHECK-2: what a later plugin of the chain changed is as it should be if the final result says so,
// or if no result could.
func TestSpecCheckLaterPlugin(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, fake(m{"routes": []any{m{"dst": "0.0.0.0/0"}, m{"dst": "198.51.100.0/24"}}}))
	added := host.Run("ADD", "net1", config).WantOK()
	host.Exec("sh", "-ec", `
		ip link add br0 type bridge
		ip link set net1 address 02:00:00:00:00:77 mtu 1300 txqueuelen 5 promisc on master br0
		ip addr add 192.0.2.77/24 dev net1
		ip route del 198.51.100.0/24
		ip route add 203.0.113.0/24 via 192.0.2.9
		tc qdisc replace dev net1 root pfifo_fast`)

	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantError(codeCheck, "MAC", "198.51.100.0/24") // prevResult counts
	var final m
	if err := json.Unmarshal([]byte(added.Stdout), &final); err != nil {
		t.Fatal(err)
	}
	interfaces, _ := final["interfaces"].([]any)
	tap, _ := interfaces[0].(m)
	tap["mac"] = "02:00:00:00:00:77"
	final["ips"] = []any{m{"address": "192.0.2.2/24", "interface": 0}, m{"address": "192.0.2.77/24", "interface": 0}}
	final["routes"] = []any{m{"dst": "0.0.0.0/0"}, m{"dst": "203.0.113.0/24", "gw": "192.0.2.9"}}
	added.Stdout = text(t, final)
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
}

// STATUS-6: a STATUS that fails prevents no other verb.
func TestSpecStatusPreventsNothing(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	config := conf(t, fake(m{"fail": m{"STATUS": m{"code": codeNotAvailable, "msg": "not now"}}}))
	host.Run("STATUS", "", config).WantError(codeNotAvailable, "not now")
	added := host.Run("ADD", "net1", config).WantOK()
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
	host.Run("DEL", "net1", host.WithPrev(config, added)).WantOK()
	host.WantSame(before)
}

// VERSION-1, VERSION-2: the versions are a JSON object on standard output.
func TestSpecVersionResult(t *testing.T) {
	host := harness.NewHost(t)
	var got struct {
		CNIVersion        string   `json:"cniVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	}
	out := host.Run("VERSION", "", `{"cniVersion": "1.1.0"}`).WantOK().Stdout
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}; got.CNIVersion != "1.1.0" || !slices.Equal(got.SupportedVersions, want) {
		t.Errorf("got %+v, want 1.1.0 and %v", got, want)
	}
}

// GC-6: a GC that succeeds prints nothing.
func TestSpecGCPrintsNothing(t *testing.T) {
	host := newGCHost(t)
	host.Run("ADD", "net1", host.conf()).WantOK()
	if got := host.gc(known()).WantOK(); got.Stdout != "" {
		t.Errorf("standard output: %s", got.Stdout)
	}
	host.wantNames("")
}

// LIFE-1: containers that come and go at once do not get in each other's way.
func TestSpecLifeConcurrent(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, hostLocal())
	var pods []*harness.Host
	for i := range 24 {
		pod := *host
		pod.Pod, pod.ContainerID = harness.NewNetns(t), fmt.Sprint("container", i)
		pods = append(pods, &pod)
	}
	all := func(verb string) []harness.Got {
		got := make([]harness.Got, len(pods))
		var running sync.WaitGroup
		for i, pod := range pods {
			cmd := pod.Command(verb, "net1", config)
			running.Go(func() { got[i] = pod.Finish(cmd) })
		}
		running.Wait()
		return got
	}
	used := map[string]bool{}
	for i, added := range all("ADD") {
		for _, ip := range added.Result().IPs {
			used[ip.Address] = true
			if !slices.Contains(pods[i].MustDevice("net1").Global(), ip.Address) {
				t.Errorf("container %d has no %s", i, ip.Address)
			}
		}
	}
	if held := host.Reservations(); len(used) != 2*len(pods) || len(held) != 2*len(pods) {
		t.Errorf("%d addresses and %d reservations, want %d", len(used), len(held), 2*len(pods))
	}
	for _, deleted := range all("DEL") {
		deleted.WantOK()
	}
	for i, pod := range pods {
		if _, there := pod.Device("net1"); there {
			t.Errorf("container %d still has its device", i)
		}
	}
	if held := host.Reservations(); len(held) != 0 {
		t.Errorf("IPAM still holds %v", held)
	}
}

// IPAM-2, IPAM-3, IPAM-5, STATUS-7, GC-4: every verb executes the delegated plugin with the environment and the
// configuration that came.
func TestSpecDelegationEveryVerb(t *testing.T) {
	host := newGCHost(t)
	dir := t.TempDir()
	spy := "#!/bin/sh\ncat /proc/$$/environ >" + dir + "/environ\nexec " + harness.Bin(t, "fake") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "spy"), []byte(spy), 0o755); err != nil {
		t.Fatal(err)
	}
	config := host.conf(fake(m{"type": "spy", "unknown": []any{1, m{"a": nil}}}), m{"unknown": "kept"}, known())
	for _, verb := range []string{"STATUS", "ADD", "CHECK", "DEL", "GC"} {
		given := config
		if verb == "CHECK" {
			given = conf(t, prevOf(host.Host, config))
		}
		cmd := host.Command(verb, "net1", given, "CNI_PATH="+dir+":/nonexistent", "CNI_ARGS=IgnoreUnknown=1;A=b", "LANG=tlh", "EMPTY=")
		want := append(cmd.Environ(), "TAP_RUNS_AS_IPAM=1") // lest it starts us without end
		host.Finish(cmd).WantOK()
		got := strings.Split(strings.TrimRight(harness.ReadFile(t, dir+"/environ"), "\x00"), "\x00")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: environment\n got %q\nwant %q", verb, got, want)
		}
		calls := host.Calls()
		last := calls[len(calls)-1]
		var sent, came any
		if err := json.Unmarshal(last.Stdin, &sent); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal([]byte(host.Expand(given)), &came); err != nil {
			t.Error(err)
		}
		if last.Verb != verb || text(t, sent) != text(t, came) {
			t.Errorf("%s: IPAM was asked to %s with\n got %s\nwant %s", verb, last.Verb, text(t, sent), text(t, came))
		}
	}
}

// prevOf is the configuration with what ip says of net1 as its prevResult.
func prevOf(host *harness.Host, config string) m {
	var keys m
	host.Must(json.Unmarshal([]byte(config), &keys))
	keys["prevResult"] = m{"cniVersion": "1.1.0", "interfaces": []any{m{"name": "net1", "mac": host.MustDevice("net1").MAC, "sandbox": "$NETNS"}}}
	return keys
}

// IPAM-7: an ADD of the delegated plugin that failed is followed by its DEL.
func TestSpecDelegationFailedAdd(t *testing.T) {
	for name, fails := range map[string]m{
		"error object": {"fail": m{"ADD": m{"code": 123, "msg": "no"}}},
		"exit status":  {"exit": m{"ADD": 3}},
		"no result":    {"raw": m{"ADD": "hello"}},
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			before := host.Snapshot()
			if got := host.Run("ADD", "net1", conf(t, fake(fails))); got.Exit == 0 {
				t.Error("succeeded")
			}
			if got := host.Verbs(); got != "ADD DEL" {
				t.Errorf("IPAM was asked to %s, want ADD DEL", got)
			}
			host.WantSame(before)
		})
	}
}

// CONF-3, RESULT-1, RESULT-3, RESULT-4, RESULT-5, RESULT-6: the result has every key of the specification, and the
// device's values.
func TestSpecResultKeys(t *testing.T) {
	host := harness.NewHost(t)
	routes := []any{
		m{"dst": "198.51.100.0/24", "gw": "192.0.2.9", "mtu": 1300, "advmss": 1200, "priority": 50, "table": 1000},
		m{"dst": "203.0.113.0/24", "scope": 253},
		m{"dst": "0.0.0.0/0"},
	}
	dns := m{"nameservers": []string{"192.0.2.53", "2001:db8::53"}, "domain": "example.org", "search": []string{"a.example.org", "b.example.org"}, "options": []string{"ndots:2"}}
	out := host.Run("ADD", "net1", conf(t, fake(m{"routes": routes}), m{"mtu": 1400, "dns": dns})).WantOK().Stdout
	var got m
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d := host.MustDevice("net1")
	want := m{
		"cniVersion": "1.1.0",
		"interfaces": []any{m{"name": d.Name, "mac": d.MAC, "mtu": d.MTU, "sandbox": host.Pod.Path()}},
		"ips":        []any{m{"address": d.Global()[0], "gateway": "192.0.2.1", "interface": 0}},
		"routes":     routes,
		"dns":        dns,
	}
	if g, w := text(t, got), text(t, want); g != w {
		t.Errorf("result\n got %s\nwant %s", g, w)
	}
}

// RESULT-2: the result lists every interface that ADD has made, on the host too. (Not so with a limit of egress.)
func TestSpecResultEveryInterface(t *testing.T) {
	host := harness.NewHost(t)
	node, pod := links(t, host.Node), links(t, host.Pod)
	listed := map[string]string{}
	for _, entry := range host.Run("ADD", "net1", conf(t, hostLocal(), m{"multiQueue": true})).Result().Interfaces {
		listed[entry.Name] = entry.Sandbox
	}
	made := map[string]string{}
	for name := range links(t, host.Node) {
		if !node[name] {
			made[name] = ""
		}
	}
	for name := range links(t, host.Pod) {
		if !pod[name] {
			made[name] = host.Pod.Path()
		}
	}
	if !maps.Equal(listed, made) {
		t.Errorf("interfaces\n got %v\nwant %v", listed, made)
	}
}

func links(t *testing.T, ns *netns.Netns) map[string]bool {
	t.Helper()
	out, err := ns.Output("ip", "-json", "link")
	if err != nil {
		t.Fatal(err)
	}
	var list []harness.Device
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("ip: %v: %s", err, out)
	}
	names := map[string]bool{}
	for _, d := range list {
		names[d.Name] = true
	}
	return names
}

// CAP-2: a capability's value that cannot be acted on is an error that names it, and nothing is left.
func TestSpecCapabilityMalformed(t *testing.T) {
	const hostLocals = 999 // for everything
	for name, c := range map[string]struct {
		value m
		code  int
		says  string
	}{
		"mac a word":          {m{"mac": "hello"}, codeConfig, "runtimeConfig.mac"},
		"rate negative":       {m{"bandwidth": m{"ingressRate": -1, "ingressBurst": 8_000_000}}, codeConfig, "ingressRate"},
		"burst without rate":  {m{"bandwidth": m{"egressBurst": 8_000_000}}, codeConfig, "egressRate"},
		"rate without burst":  {m{"bandwidth": m{"ingressRate": 8_000_000}}, codeConfig, "ingressBurst"},
		"ips no list":         {m{"ips": "10.1.0.9"}, hostLocals, "ips"},
		"ips no addresses":    {m{"ips": []any{"hello"}}, hostLocals, "hello"},
		"ips of other ranges": {m{"ips": []any{"172.16.0.1"}}, hostLocals, "172.16.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			before := host.Snapshot()
			host.Run("ADD", "net1", conf(t, hostLocal(), m{"runtimeConfig": c.value})).WantError(c.code, c.says)
			host.WantSame(before)
		})
	}
}

// CAP-7, CAP-9: the IPAM plugin gives the addresses that args and CNI_ARGS ask for.
func TestSpecArgsIPs(t *testing.T) {
	for name, c := range map[string]struct {
		keys       m
		args, want string
	}{
		"args.cni": {m{"args": m{"cni": m{"ips": []string{"10.1.0.77/24", "2001:db8::77"}}}}, "", "[10.1.0.77/24 2001:db8::77/64]"},
		"CNI_ARGS": {m{}, "IgnoreUnknown=1;IP=10.1.0.77", "[10.1.0.77/24 2001:db8::2/64]"},
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			host.Run("ADD", "net1", conf(t, hostLocal(), c.keys), "CNI_ARGS="+c.args).WantOK()
			if got := fmt.Sprint(host.MustDevice("net1").Global()); got != c.want {
				t.Errorf("addresses\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

// CAP-6: args that tap does not know are ignored, whatever they are.
func TestSpecArgsIgnored(t *testing.T) {
	host := harness.NewHost(t)
	args := m{"cni": m{"labels": []any{m{"key": "app", "value": "myapp"}}, "x": 5}, "labels": "none", "org.example": []any{1}}
	host.Run("ADD", "net1", conf(t, m{"args": args})).WantOK()
	host.MustDevice("net1")
}
