package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// Parts of the error where a bridge does not filter VLANs, or cannot.
const (
	filterCommand = "ip link set BRIDGE type bridge vlan_filtering 1"
	filterKernel  = "CONFIG_BRIDGE_VLAN_FILTERING"
)

// filteringBridge makes br0 in the pod and has it filter VLANs. false: this kernel
// cannot, and br0 is as it can be.
func filteringBridge(t *testing.T, host *harness.Host, options ...string) bool {
	t.Helper()
	bridge := []string{"link", "add", "br0", "up", "address", "02:00:00:00:00:bb", "type", "bridge"}
	_, err := host.Pod.Output("ip", append(append(bridge, "vlan_filtering", "1"), options...)...)
	if err != nil && strings.Contains(err.Error(), "Operation not supported") {
		host.Exec("ip", bridge...)
		return false
	}
	host.Must(err)
	return true
}

// portVLANs are those of a port as `bridge vlan` has them: "1 PVID Egress Untagged; 200-299".
func portVLANs(t *testing.T, host *harness.Host, port string) string {
	t.Helper()
	out := host.Exec("bridge", "-compressvlans", "-json", "vlan", "show", "dev", port)
	var ports []struct {
		VLANs []struct {
			First int      `json:"vlan"`
			Last  int      `json:"vlanEnd"`
			Flags []string `json:"flags"`
		} `json:"vlans"`
	}
	if err := json.Unmarshal([]byte(out), &ports); err != nil {
		t.Fatalf("bridge: %v: %s", err, out)
	}
	var list []string
	for _, p := range ports {
		for _, v := range p.VLANs {
			name := fmt.Sprint(v.First)
			if v.Last != 0 {
				name += fmt.Sprintf("-%d", v.Last)
			}
			list = append(list, strings.Join(append([]string{name}, v.Flags...), " "))
		}
	}
	return strings.Join(list, "; ")
}

func trunk(entries ...m) m { return m{"vlanTrunk": entries} }

// Each port gets the VLANs that are asked for; where the kernel cannot filter VLANs,
// that is an error and nothing is left.
func TestAddVLANs(t *testing.T) {
	preserved, dropped := m{"preserveDefaultVlan": true}, m{"preserveDefaultVlan": false}
	for _, c := range []struct {
		name, defaultVLAN string // of the bridge; empty: the kernel's, 1
		keys              []m
		want              string
	}{
		{"access port", "", []m{{"vlan": 100}}, "100 PVID Egress Untagged"},
		{"access port, default preserved", "", []m{{"vlan": 100}, preserved}, "1 Egress Untagged; 100 PVID Egress Untagged"},
		{"access port, default dropped", "", []m{{"vlan": 100}, dropped}, "100 PVID Egress Untagged"},
		{"access port of the default VLAN", "", []m{{"vlan": 1}, dropped}, "1 PVID Egress Untagged"},
		{"access port of the last VLAN", "", []m{{"vlan": 4094}, dropped}, "4094 PVID Egress Untagged"},
		{"trunk", "", []m{trunk(m{"id": 200}, m{"id": 202})}, "1 PVID Egress Untagged; 200; 202"},
		{"trunk, default dropped", "", []m{trunk(m{"id": 200}), dropped}, "1 PVID Egress Untagged; 200"},
		{"range", "", []m{trunk(m{"minID": 200, "maxID": 299})}, "1 PVID Egress Untagged; 200-299"},
		{"range and single VLANs", "", []m{trunk(m{"id": 9, "minID": 200, "maxID": 299}, m{"id": 4094})}, "1 PVID Egress Untagged; 9; 200-299; 4094"},
		{"every VLAN", "", []m{trunk(m{"minID": 1, "maxID": 4094}), dropped}, "1 PVID Egress Untagged; 2-4094"},
		{"every other VLAN", "", []m{everyOtherVLAN(), dropped}, everyOtherVLANShown()},
		{"both", "", []m{{"vlan": 100}, trunk(m{"id": 7}, m{"minID": 200, "maxID": 299})}, "7; 100 PVID Egress Untagged; 200-299"},
		{"both, the native one within the range", "", []m{{"vlan": 100}, trunk(m{"minID": 99, "maxID": 101}), dropped}, "99; 100 PVID Egress Untagged; 101"},
		{"both, the default in the trunk", "", []m{{"vlan": 100}, trunk(m{"id": 1}), dropped}, "1; 100 PVID Egress Untagged"},
		{"default 5 preserved", "5", []m{{"vlan": 100}, preserved}, "5 Egress Untagged; 100 PVID Egress Untagged"},
		{"default 5 dropped", "5", []m{{"vlan": 100}, dropped}, "100 PVID Egress Untagged"},
		{"default 5 preserved, trunk", "5", []m{trunk(m{"id": 200}), preserved}, "1 PVID Egress Untagged; 5 Egress Untagged; 200"},
		{"default 5 dropped, trunk", "5", []m{trunk(m{"id": 200}), dropped}, "1 PVID Egress Untagged; 200"},
		{"default 5 dropped, but in the trunk", "5", []m{trunk(m{"minID": 4, "maxID": 6}), dropped}, "1 PVID Egress Untagged; 4-6"},
		{"no default", "0", []m{{"vlan": 100}}, "100 PVID Egress Untagged"},
		{"no default to drop", "0", []m{{"vlan": 100}, dropped}, "100 PVID Egress Untagged"},
		{"with every other key", "", []m{{"vlan": 100, "isolated": true, "multiQueue": true, "mtu": 1400, "mac": "02:00:00:00:00:01", "promiscMode": true}, dropped, owned(), hostLocal()}, "100 PVID Egress Untagged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			var options []string
			if c.defaultVLAN != "" {
				options = []string{"vlan_default_pvid", c.defaultVLAN}
			}
			filters := filteringBridge(t, host, options...)
			host.Exec("sh", "-ec", "ip link set br0 mtu 1501; ip link set br0 mtu 1500") // fixed by being changed
			before, bridgeBefore := host.Snapshot(), host.Exec("bridge", "vlan")
			config := conf(t, append(c.keys, m{"bridge": "br0"})...)
			added := host.Run("ADD", "net1", config)
			if !filters {
				added.WantError(codeBridge, `bridge "br0"`, filterCommand, filterKernel)
				host.WantSame(before)
				return
			}
			added.WantOK()
			if got := portVLANs(t, host, "net1"); got != c.want {
				t.Errorf("VLANs of the port\n got %s\nwant %s", got, c.want)
			}
			if !host.MustDevice("net1").Up() {
				t.Error("net1 is not up")
			}
			host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
			host.Run("DEL", "net1", config).WantOK()
			host.WantSame(before)
			if after := host.Exec("bridge", "vlan"); after != bridgeBefore {
				t.Errorf("the bridge's VLANs\nbefore:\n%s\nafter:\n%s", bridgeBefore, after)
			}
		})
	}
}

// everyOtherVLAN is the trunk that takes most room in a message.
func everyOtherVLAN() m {
	var entries []m
	for v := 2; v <= 4094; v += 2 {
		entries = append(entries, m{"id": v})
	}
	return trunk(entries...)
}

func everyOtherVLANShown() string {
	shown := "1 PVID Egress Untagged"
	for v := 2; v <= 4094; v += 2 {
		shown += fmt.Sprintf("; %d", v)
	}
	return shown
}

// What is asked of the kernel for a port, in its order: the port comes up last, and
// one message has all its VLANs.
func TestAddPortComesUpLast(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []m
		want string
	}{
		{"isolated", []m{{"isolated": true}}, "set port, up"},
		{"VLANs", []m{{"vlan": 100, "preserveDefaultVlan": false}, everyOtherVLAN()}, "set port, delete VLANs, up"},
		{"both", []m{{"vlan": 100, "isolated": true}}, "set port, set port, delete VLANs, up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := harness.NewHost(t)
			filters := filteringBridge(t, host)
			traced := host.Trace(host.Command("ADD", "net1", conf(t, append(c.keys, m{"bridge": "br0"})...)), harness.Fault{Calls: []uint64{unix.SYS_SENDTO}})
			want := c.want
			if !filters && c.name != "isolated" {
				want = ""
				traced.WantError(codeBridge, filterKernel)
			} else {
				traced.WantOK()
			}
			var steps []string
			for _, call := range traced.Calls {
				if step := portStep(call); step != "" {
					steps = append(steps, step)
				}
			}
			if got := strings.Join(steps, ", "); got != want {
				t.Errorf("steps\n got %s\nwant %s", got, want)
			}
		})
	}
}

// portStep says what a message to rtnetlink does to a port; empty: nothing.
func portStep(call harness.Point) string {
	header := call.Data[unix.SizeofNlMsghdr:] // struct ifinfomsg
	up := binary.NativeEndian.Uint32(header[8:])&unix.IFF_UP != 0
	switch kind, family := call.NetlinkType(), header[0]; {
	case kind == unix.RTM_SETLINK && family == unix.AF_BRIDGE:
		return "set port"
	case kind == unix.RTM_DELLINK && family == unix.AF_BRIDGE:
		return "delete VLANs"
	case kind == unix.RTM_SETLINK && up:
		return "up"
	}
	return ""
}

// The kernel takes a port's VLANs back with the device, whenever the plugin dies.
func TestAddVLANsKilled(t *testing.T) {
	host := harness.NewHost(t)
	filters := filteringBridge(t, host)
	host.Exec("sh", "-ec", "ip link set br0 mtu 1501; ip link set br0 mtu 1500") // fixed by being changed
	before, bridgeBefore := host.Snapshot(), host.Exec("bridge", "vlan")
	config := conf(t, m{"bridge": "br0", "vlan": 100, "preserveDefaultVlan": false}, trunk(m{"minID": 200, "maxID": 299}))
	requests := 0
	for host.KillAt(host.Command("ADD", "net1", config), requests+1, unix.SYS_SENDTO) != nil {
		requests++
		host.WantSame(before)
		if after := host.Exec("bridge", "vlan"); after != bridgeBefore {
			t.Errorf("the bridge's VLANs after a kill at request %d\nbefore:\n%s\nafter:\n%s", requests, bridgeBefore, after)
		}
	}
	if least := map[bool]int{true: 6, false: 1}[filters]; requests < least {
		t.Errorf("killed at %d requests, want at least %d", requests, least)
	}
}

// A bridge that does not filter VLANs lets everything pass, on any kernel.
func TestAddVLANsToABridgeThatDoesNotFilter(t *testing.T) {
	for name, keys := range map[string]m{"access port": {"vlan": 100}, "trunk": trunk(m{"id": 100})} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			host.Exec("ip", "link", "add", "br0", "address", "02:00:00:00:00:bb", "type", "bridge")
			before := host.Snapshot()
			host.Run("ADD", "net1", conf(t, keys, m{"bridge": "br0"}, fake())).WantError(codeBridge, `bridge "br0"`, "a bridge with VLAN filtering", filterCommand, filterKernel)
			host.WantSame(before)
			if verbs := host.Verbs(); verbs != "" {
				t.Errorf("IPAM was asked to %s", verbs)
			}
		})
	}
}

// Without VLANs asked for, the port has those that its bridge gives it.
func TestAddNoVLANs(t *testing.T) {
	host := harness.NewHost(t)
	want := ""
	if filteringBridge(t, host) {
		want = "1 PVID Egress Untagged"
	}
	config := conf(t, m{"bridge": "br0", "vlan": 0, "vlanTrunk": []m{}, "preserveDefaultVlan": false})
	prev := host.WithPrev(config, host.Run("ADD", "net1", config).WantOK())
	if got := portVLANs(t, host, "net1"); got != want {
		t.Errorf("VLANs of the port\n got %s\nwant %s", got, want)
	}
	host.Run("CHECK", "net1", prev).WantOK()
	host.Run("DEL", "net1", config).WantOK()
}

func TestCheckVLANs(t *testing.T) {
	for _, c := range []struct{ name, change, says string }{
		{"removed", "bridge vlan del dev net1 vid 203", "VLAN 203: expected tagged, found none"},
		{"several removed", "bridge vlan del dev net1 vid 203-205", "VLANs 203-205: expected tagged, found none"},
		{"added", "bridge vlan add dev net1 vid 9", "VLAN 9: expected none, found tagged"},
		{"made untagged", "bridge vlan add dev net1 vid 203 untagged", "VLAN 203: expected tagged, found untagged"},
		{"native removed", "bridge vlan del dev net1 vid 100", "VLAN 100: expected PVID, untagged, found none"},
		{"native tagged", "bridge vlan add dev net1 vid 100 pvid", "VLAN 100: expected PVID, untagged, found PVID, tagged"},
		{"another native", "bridge vlan add dev net1 vid 203 pvid untagged", "VLAN 100: expected PVID, untagged, found untagged; VLAN 203: expected tagged, found PVID, untagged"},
		{"default removed", "bridge vlan del dev net1 vid 1", "VLAN 1: expected untagged, found none"},
		{"filtering off", "ip link set br0 type bridge vlan_filtering 0", "vlan_filtering of the bridge: expected true, found false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			config := conf(t, m{"bridge": "br0", "vlan": 100, "preserveDefaultVlan": true}, trunk(m{"minID": 200, "maxID": 209}))
			if !filteringBridge(t, host) {
				// The configuration came to ask for VLANs later.
				prev := host.WithPrev(config, host.Run("ADD", "net1", conf(t, m{"bridge": "br0"})).WantOK())
				host.Run("CHECK", "net1", prev).WantError(codeCheck, "vlan_filtering of the bridge: expected true, found false", "VLANs 200-209: expected tagged, found none")
				return
			}
			prev := host.WithPrev(config, host.Run("ADD", "net1", config).WantOK())
			host.Run("CHECK", "net1", prev).WantOK()
			host.Exec("sh", "-ec", c.change)
			host.Run("CHECK", "net1", prev).WantError(codeCheck, c.says)
			host.Run("DEL", "net1", config).WantOK()
		})
	}
}

// Ports whose VLANs fill a message each: the kernel tells of them in several.
func TestCheckVLANsAmongManyPorts(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, m{"bridge": "br0"}, everyOtherVLAN())
	if !filteringBridge(t, host) {
		host.Run("ADD", "net1", config).WantError(codeBridge, filterKernel)
		return
	}
	prev := map[string]string{}
	names := []string{"net1", "net2", "net3", "net4"}
	for _, name := range names {
		prev[name] = host.WithPrev(config, host.Run("ADD", name, config).WantOK())
	}
	for _, name := range names {
		host.Run("CHECK", name, prev[name]).WantOK()
	}
	host.Exec("bridge", "vlan", "del", "dev", "net3", "vid", "4094")
	host.Run("CHECK", "net3", prev["net3"]).WantError(codeCheck, "VLAN 4094: expected tagged, found none")
	host.Run("CHECK", "net4", prev["net4"]).WantOK()
}

// STATUS makes a bridge that filters VLANs, and so tells a kernel that cannot.
func TestStatusVLANs(t *testing.T) {
	host := harness.NewHost(t)
	filters := filteringBridge(t, host)
	before := host.Snapshot()
	for _, keys := range []m{{"vlan": 100, "preserveDefaultVlan": false}, trunk(m{"minID": 1, "maxID": 4094})} {
		got := host.Run("STATUS", "", conf(t, keys, m{"bridge": "br0"}))
		if !filters {
			got.WantError(codeNotAvailable, `bridge "br0"`, "VLAN filtering", filterKernel)
			continue
		}
		if got.WantOK(); got.Stdout != "" || got.Stderr != "" {
			t.Errorf("STATUS of %v printed %s%s", keys, got.Stdout, got.Stderr)
		}
	}
	host.WantSame(before)
}

// Guests behind access ports of two VLANs, one behind a trunk, and a router on the
// other side of a veth port, where both VLANs have their tags:
//
//	guest1 -- net1 (100) --+
//	guest2 -- net2 (200) --+-- br0 -- port (100, 200) ---- far.100 192.0.2.1, far.200 198.51.100.1
//	guest3 -- net3 (100, 200, tagged) --+
func TestAddVLANFrames(t *testing.T) {
	host := harness.NewHost(t)
	access := func(vlan int) string {
		return conf(t, owned(), m{"bridge": "br0", "vlan": vlan, "preserveDefaultVlan": false})
	}
	if !filteringBridge(t, host) {
		host.Run("ADD", "net1", access(100)).WantError(codeBridge, filterKernel)
		return
	}
	host.Exec("ip", "link", "add", "port", "type", "veth", "peer", "name", "far")
	host.Exec("sh", "-ec", `ip link set port master br0 up; bridge vlan add dev port vid 100; bridge vlan add dev port vid 200
		ip link set far netns "$0"`, host.Node.Path())
	_, err := host.Node.Output("sh", "-ec", `ip link set far up
		ip link add link far name far.100 type vlan id 100; ip addr add 192.0.2.1/24 dev far.100; ip link set far.100 up
		ip link add link far name far.200 type vlan id 200; ip addr add 198.51.100.1/24 dev far.200; ip link set far.200 up`)
	host.Must(err)

	guests := map[string]*harness.VM{}
	for name, c := range map[string]struct{ config, mac, addr string }{
		"net1": {access(100), "02:00:00:00:00:11", "192.0.2.11/24"},
		"net2": {access(200), "02:00:00:00:00:12", "198.51.100.12/24"},
		"net3": {conf(t, owned(), m{"bridge": "br0", "preserveDefaultVlan": false}, trunk(m{"id": 100}, m{"id": 200})), "02:00:00:00:00:13", "203.0.113.13/24"},
	} {
		host.Run("ADD", name, c.config).WantOK()
		guests[name] = host.StartVM("-tap", name, "-user", "64001", "-group", "64002", "-mac", c.mac, "-addr", c.addr)
	}
	_, err = guests["net2"].NS.Output("ip", "addr", "add", "192.0.2.12/24", "dev", "eth0") // an address of the other VLAN
	host.Must(err)
	_, err = guests["net3"].NS.Output("sh", "-ec", `
		ip link add link eth0 name eth0.100 type vlan id 100; ip addr add 192.0.2.13/24 dev eth0.100; ip link set eth0.100 up
		ip link add link eth0 name eth0.200 type vlan id 200; ip addr add 198.51.100.13/24 dev eth0.200; ip link set eth0.200 up`)
	host.Must(err)

	for _, c := range []struct {
		from, to, about string
		want            bool
	}{
		{"net1", "192.0.2.1", "the router in its VLAN", true},
		{"net1", "192.0.2.13", "the trunk's guest in its VLAN", true},
		{"net1", "192.0.2.12", "the guest in the other VLAN", false},
		{"net2", "198.51.100.1", "the router in its VLAN", true},
		{"net2", "198.51.100.13", "the trunk's guest in its VLAN", true},
		{"net2", "192.0.2.1", "the router's address in the other VLAN", false},
		{"net3", "192.0.2.1", "the router in the first VLAN", true},
		{"net3", "198.51.100.1", "the router in the second VLAN", true},
		{"net3", "192.0.2.11", "the guest of the first VLAN", true},
		{"net3", "198.51.100.12", "the guest of the second VLAN", true},
	} {
		_, err := guests[c.from].NS.Output("ping", "-c", "1", "-W", "2", c.to)
		if got := err == nil; got != c.want {
			t.Errorf("%s reaches %s, %s: %v, want %v: %v", c.from, c.to, c.about, got, c.want, err)
		}
	}
}
