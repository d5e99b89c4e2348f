package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
	"tap/test/isolate"
)

// mode is a kind of attachment.
type mode struct {
	name    string
	setup   string // script that prepares the pod
	program string // file name under which the plugin is executed; empty: tap
	ifName  string // CNI_IFNAME
	names   int    // length of the network's name and of the container ID; 0: short
	request
}

// request is what a verb is given for an attachment.
type request struct {
	keys m      // of the configuration, without cniVersion, name and type
	args string // CNI_ARGS
}

// modes returns every kind of attachment. TestModes_UseEveryKey fails if a key is missing.
func modes() []mode {
	return []mode{
		{name: "layer 2", ifName: "net1"},
		{name: "IPAM", ifName: "net1", request: request{keys: join(oneLease(), m{"dns": m{"nameservers": []any{"10.3.0.53"}}})}},
		{name: "attributes", ifName: "net1", request: request{
			keys: m{
				"owner": 64001, "group": 64002, "multiQueue": true, "mtu": 1400, "mac": "02:00:00:00:00:aa", "txQueueLen": 77,
				"promiscMode": true, "promisc": true, "allmulti": true, "bridge": "br0", "isolated": true,
				"args": m{"cni": m{"mac": "02:00:00:00:00:ab"}}, "capabilities": m{"mac": true},
				"runtimeConfig": m{"mac": "02:00:00:00:00:ac"},
			},
			args: "IgnoreUnknown=1;MAC=02:00:00:00:00:ad;K8S_POD_NAME=pod",
		}},
		{name: "router in the pod", ifName: "net1", request: request{keys: join(oneLease(), m{"forward": true, "acceptRA": true})}},
		{name: "bandwidth", ifName: "net1", request: request{keys: both()}},
		{name: "bandwidth of the runtime", ifName: "net1", request: request{
			keys: m{"capabilities": m{"bandwidth": true}, "runtimeConfig": both()},
		}},
		{name: "tapName", ifName: "eth0", request: request{keys: join(handedFor("eth0"), tapNamed("vm0"))}},
		{name: "tapName, IPAM, bandwidth", ifName: "eth0", request: request{
			keys: join(handedFor("eth0"), tapNamed("vm0"), oneLease(), both(), owned()),
		}},
		{name: "redirect", ifName: "eth0", request: request{keys: redirected("eth0")}},
		{name: "redirect, tapName, bandwidth", ifName: "eth0", request: request{
			keys: join(redirected("eth0"), tapNamed("vm0"), both(), owned()),
		}},
		{name: "redirect, foreign filters", ifName: "eth0", setup: foreignFilters("eth0"), request: request{
			keys: join(redirected("eth0"), both()),
		}},
		{name: "redirect, CNI_ARGS", ifName: "eth0", request: request{
			keys: join(redirected("eth0"), both()),
			args: "IgnoreUnknown=1;TC_REDIRECT_TAP_NAME=vm0;TC_REDIRECT_TAP_UID=64001;TC_REDIRECT_TAP_GID=64002",
		}},
		{name: "tc-redirect-tap", program: "tc-redirect-tap", ifName: "eth0", request: request{
			keys: join(handedFor("eth0"), both()),
			args: "IgnoreUnknown=1;TC_REDIRECT_TAP_NAME=vm0;TC_REDIRECT_TAP_UID=64001",
		}},
	}
}

// redirects reports whether the tap is redirected to an interface.
func (c *mode) redirects() bool { return c.program != "" || c.keys["redirect"] != nil }

// join returns all keys in one object; the last of several values wins.
func join(keys ...m) m {
	all := m{}
	for _, k := range keys {
		maps.Copy(all, k)
	}
	return all
}

// handedFor returns the prevResult of a plugin that made an interface of that name.
func handedFor(ifName string) m {
	return handed(m{"interfaces": []any{m{"name": "wire", "mac": nodeMAC}, m{"name": ifName, "mac": podMAC, "sandbox": "$NETNS"}}})
}

// redirected returns the keys for a tap that is redirected to an interface of that name.
func redirected(ifName string) m { return join(handedFor(ifName), m{"redirect": true}) }

// leased is the only address of oneLease.
const leased = "10.3.0.5"

// oneLease configures host-local with a single address.
func oneLease() m {
	return hostLocal(m{
		"ranges": []any{[]any{m{"subnet": "10.3.0.0/24", "rangeStart": leased, "rangeEnd": leased}}},
		"routes": []any{m{"dst": "198.51.100.0/24"}},
	})
}

// foreignFilters returns a script that adds a clsact qdisc with foreign filters to a device.
func foreignFilters(device string) string {
	return "tc qdisc add dev " + device + ` clsact
		for hook in ingress egress; do tc filter add dev ` + device + " $hook prio 1 protocol 0x88b6 u32 match u32 0 0 flowid :1; done\n"
}

// foreignTap is the name of a foreign tap. otherValues has it as tapName.
const foreignTap = "vm9"

// foreignDevices is a script that creates foreign devices, which no verb may change, and the bridge br0.
var foreignDevices = `
	ip link add br0 address 02:00:00:00:00:bb type bridge
	ip link set br0 mtu 1501; ip link set br0 mtu 1500 # a bridge with an MTU of its own keeps it
	ip tuntap add ` + foreignTap + ` mode tap; ip link set ` + foreignTap + ` up
	` + foreignFilters(foreignTap) + `
	ip link add foreign up type ifb; ip link set foreign alias ifb/vms/container1/net1
	tc qdisc add dev foreign root tbf rate 1mbit burst 100000 limit 200000
	ip link add eth1 address 02:00:00:00:00:08 up type veth peer name wire1; ip link set wire1 up
	`

// attachmentHost is a host on which attachments of one mode are made and removed. Its pod also has foreign devices and other
// attachments.
type attachmentHost struct {
	*takeover
	mode    mode
	network string
	dir     string   // directory in which GC finds the pod's namespace
	bare    string   // the network and the filters before ADD, without the reservations
	others  []string // names of the pod's devices before ADD
}

// newAttachmentHost creates a host. The plugin of that path makes the other attachments.
func newAttachmentHost(t *testing.T, kind mode, plugin string) *attachmentHost {
	t.Helper()
	if kind.redirects() {
		harness.NeedRoot(t) // its programs are BPF
	}
	return newAttachmentHostOn(newGCHost(t), kind, plugin)
}

func newAttachmentHostOn(gc *gcHost, kind mode, plugin string) *attachmentHost {
	gc.t.Helper()
	h := &attachmentHost{takeover: &takeover{Host: gc.Host, t: gc.t}, mode: kind, network: gc.network, dir: gc.dir}
	if kind.names != 0 {
		h.ContainerID = strings.Repeat("c", kind.names)
		h.network = (h.network + strings.Repeat("n", kind.names))[:kind.names]
	}
	wired := "eth0"
	if kind.redirects() {
		wired = kind.ifName
	}
	h.wire(wired)
	h.sh(foreignDevices + kind.setup)
	h.addOthers(plugin)
	h.address(wired)
	h.bare, h.others = h.Network()+h.filters(), h.devices()
	return h
}

// addOthers makes attachments that differ from the host's own only in the network, the container or the interface.
func (h *attachmentHost) addOthers(plugin string) {
	h.t.Helper()
	add := func(network, containerID, ifName string, keys ...m) {
		host := *h.Host
		host.Plugin, host.ContainerID = plugin, containerID
		host.Run("ADD", ifName, conf(h.t, append(keys, m{"name": network})...)).WantOK()
	}
	add(h.network+"b", h.ContainerID, h.mode.ifName, handedFor("eth0"), tapNamed("net7"), both())
	add(h.network, "other", h.mode.ifName, handedFor("eth0"), tapNamed("net8"), both())
	add(h.network, h.ContainerID, "net9", hostLocal())
	if !isolate.InUserNamespace() {
		add(h.network, h.ContainerID, "eth1", redirected("eth1"), both())
	}
}

// known returns the list of valid attachments for GC: the other attachments of the network, and more.
func (h *attachmentHost) known(more ...string) m {
	return known(append(more, "other", h.mode.ifName, h.ContainerID, "net9", h.ContainerID, "eth1")...)
}

// devices returns the names of the pod's devices.
func (h *attachmentHost) devices() []string {
	h.t.Helper()
	var names []string
	for line := range strings.Lines(h.Exec("ip", "-br", "link")) {
		name, _, _ := strings.Cut(strings.Fields(line)[0], "@")
		names = append(names, name)
	}
	return names
}

// with returns the host for a part of the test, with the plugin of that path.
func (h *attachmentHost) with(t *testing.T, plugin string) *attachmentHost {
	t.Helper()
	host := h.In(t)
	host.Plugin = plugin
	if h.mode.program != "" {
		host.Plugin = filepath.Join(t.TempDir(), h.mode.program)
		host.Must(os.Symlink(plugin, host.Plugin))
	}
	part := *h
	part.takeover = &takeover{Host: host, t: t, before: h.before}
	return &part
}

// run executes ADD, CHECK or DEL for the attachment.
func (h *attachmentHost) run(verb string, r request) harness.Got {
	h.t.Helper()
	return h.Run(verb, h.mode.ifName, conf(h.t, m{"name": h.network}, r.keys), "CNI_ARGS="+r.args)
}

// collect executes GC with the keys of the request.
func (h *attachmentHost) collect(r request, known m) harness.Got {
	h.t.Helper()
	config := conf(h.t, m{"name": h.network, "netnsDirs": []string{h.dir}}, r.keys, known)
	return h.Run("GC", "", config, "CNI_ARGS="+r.args, "CNI_CONTAINERID=", "CNI_NETNS=")
}

// add executes ADD, and returns the request for later verbs, with the result of ADD as prevResult.
func (h *attachmentHost) add() request {
	h.t.Helper()
	added := h.run("ADD", h.mode.request).WantOK()
	return request{join(h.mode.keys, m{"prevResult": json.RawMessage(added.Stdout)}), h.mode.args}
}

// TestModes_UseEveryKey fails if the schema has a key that no mode uses.
func TestModes_UseEveryKey(t *testing.T) {
	var schema struct {
		Defs struct {
			Tap struct {
				Properties map[string]any `json:"properties"`
			} `json:"tap"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(harness.ReadFile(t, "../../schema/tap.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	used := map[string]string{
		"type": "the runtime finds the plugin by it", "cniVersion": "the verbs need it", "name": "the verbs need it",
		"netnsDirs": "GC needs it", "cni.dev/valid-attachments": "GC needs it", "cni.dev/attachments": "GC needs one of the two",
		"selinuxContext": "only hosts with SELinux have labels: selinux_test.go",
		"vlan":           "not every kernel filters VLANs: vlan_test.go", "vlanTrunk": "as vlan", "preserveDefaultVlan": "as vlan",
	}
	for _, kind := range modes() {
		for key := range kind.keys {
			used[key] = kind.name
		}
	}
	for key := range schema.Defs.Tap.Properties {
		if used[key] == "" {
			t.Errorf("no mode uses the key %s", key)
		}
	}
	if len(schema.Defs.Tap.Properties) < 20 {
		t.Errorf("the schema has %d keys", len(schema.Defs.Tap.Properties))
	}
}
