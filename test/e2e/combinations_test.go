package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/test/harness"
)

// attribute is one key of the configuration and what it does to the device.
type attribute struct {
	name string
	keys m
	want func(*harness.Device)
}

var attributes = []attribute{
	{"owner", m{"owner": 64001}, func(d *harness.Device) { d.Details.Data.User = "64001" }},
	{"group", m{"group": 64002}, func(d *harness.Device) { d.Details.Data.Group = "64002" }},
	{"multiQueue", m{"multiQueue": true}, func(d *harness.Device) { d.Details.Data.MultiQueue = true }},
	{"mtu", m{"mtu": 1400}, func(d *harness.Device) { d.MTU = 1400 }},
	{"mac", m{"mac": "02:00:00:00:00:aa"}, func(d *harness.Device) { d.MAC = "02:00:00:00:00:aa" }},
	{"bridge", m{"bridge": "br0"}, func(d *harness.Device) { d.Master = "br0" }},
}

// Every combination of keys gives what was asked for, in every version that can
// express it, driven by libcni: ADD, CHECK and DEL. (Defect 1 of the reference.)
func TestRuntimeEveryCombinationOfKeys(t *testing.T) {
	for _, version := range []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		for set := range 1 << len(attributes) {
			t.Run(version+" "+combinationName(set), func(t *testing.T) {
				t.Parallel()
				testCombination(t, version, set)
			})
		}
	}
}

func combinationName(set int) string {
	names := []string{}
	for i, a := range attributes {
		if set&(1<<i) != 0 {
			names = append(names, a.name)
		}
	}
	return strings.Join(names, "+")
}

func testCombination(t *testing.T, version string, set int) {
	host := harness.NewHost(t)
	host.Exec("ip", "link", "add", "br0", "address", "02:00:00:00:00:bb", "type", "bridge")
	for _, mtu := range []string{"1501", "1500"} { // fixed by being changed, as its address is by being given: the port changes neither
		host.Exec("ip", "link", "set", "br0", "mtu", mtu)
	}
	plugin := m{"type": "tap"}
	for i, a := range attributes {
		if set&(1<<i) != 0 {
			maps.Copy(plugin, a.keys)
		}
	}
	r := newRuntime(t, host)
	r.lifeCycle(t, conf(t, m{"cniVersion": version, "plugins": []any{plugin}}), func(result *current.Result) {
		got := host.MustDevice("net1")
		want := wantedDevice(got, set)
		if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
			t.Errorf("device\n got %s\nwant %s", g, w)
		}
		if !got.Up() {
			t.Error("the device is not up")
		}
		entry := current.Interface{Name: "net1", Mac: want.MAC, Sandbox: host.Pod.Path()}
		if version == "1.1.0" {
			entry.Mtu = want.MTU
		}
		if len(result.Interfaces) != 1 || *result.Interfaces[0] != entry {
			t.Errorf("interfaces\n got %+v\nwant %+v", result.Interfaces, entry)
		}
	})
	if r.stderr.Len() > 0 {
		t.Errorf("standard error: %s", r.stderr.String())
	}
}

// wantedDevice is the device that the keys ask for; what they do not name is the kernel's.
func wantedDevice(got harness.Device, set int) harness.Device {
	want := got
	want.Alias = "tap/vms/container1/net1"
	want.Details.Kind, want.Details.Data.Type, want.Details.Data.Persist = "tun", "tap", true
	want.Details.Data.User, want.Details.Data.Group, want.Details.Data.MultiQueue = "", "", false
	want.MTU, want.Master, want.QLen = 1500, "", 1000
	for i, a := range attributes {
		if set&(1<<i) != 0 {
			a.want(&want)
		}
	}
	return want
}
