package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

func TestDelTwice(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	config := conf(t, hostLocal())
	host.Run("ADD", "net1", config).WantOK()
	host.Run("DEL", "net1", config).WantOK()
	host.Run("DEL", "net1", config).WantOK()
	host.WantSame(before)
}

func TestDelWithoutAdd(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("DEL", "net1", conf(t, hostLocal())).WantOK()
}

// The reservation and the device each go regardless of the other.
func TestDelDeviceGoesAlthoughIPAMFails(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "net1", conf(t, fake())).WantOK()
	host.Run("DEL", "net1", conf(t, fake(m{"fail": m{"DEL": m{"code": 11, "msg": "later"}}}))).WantError(codeTryLater, `IPAM plugin "fake": DEL: later`)
	if _, there := host.Device("net1"); there {
		t.Error("the device is still there")
	}
	host.Run("DEL", "net1", conf(t, m{"ipam": m{"type": "nobody"}})).WantError(codeIPAM, "nobody")
}

func TestDelNamespaceIsGone(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"empty":          "",
		"no such file":   filepath.Join(dir, "none"),
		"no such folder": filepath.Join(plain, "none"),
		"plain file":     plain,
		"folder":         dir,
		"another kind":   "/proc/self/ns/mnt",
		"a dead process": "/proc/4194305/ns/net",
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			host.Run("ADD", "net1", conf(t, fake())).WantOK()
			host.Run("DEL", "net1", conf(t, fake()), "CNI_NETNS="+path).WantOK()
			if held := host.Reservations(); len(held) != 0 {
				t.Errorf("IPAM still holds %v", held)
			}
			if _, there := host.Device("net1"); !there {
				t.Error("a device in another namespace was deleted")
			}
		})
	}
}

// Only what bears this attachment's alias is deleted, under whatever name.
func TestDelLeavesStrangers(t *testing.T) {
	for name, make := range map[string]func(host *harness.Host){
		"tap without alias": func(host *harness.Host) { host.Exec("ip", "tuntap", "add", "net1", "mode", "tap") },
		"other kind":        func(host *harness.Host) { host.Exec("ip", "link", "add", "net1", "type", "veth", "peer", "name", "p") },
		"other kind with our alias": func(host *harness.Host) {
			host.Exec("ip", "link", "add", "net1", "type", "bridge")
			host.Exec("ip", "link", "set", "net1", "alias", "tap/vms/container1/net1")
		},
		"other network":   func(host *harness.Host) { host.Run("ADD", "net1", conf(t, m{"name": "vms2"})).WantOK() },
		"other container": func(host *harness.Host) { host.ContainerID = "container"; host.Run("ADD", "net1", conf(t)).WantOK() },
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			make(host)
			host.ContainerID = "container1"
			before := host.Snapshot()
			host.Run("DEL", "net1", conf(t)).WantOK()
			host.WantSame(before)
		})
	}
}

func TestDelFindsRenamedDevice(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	host.Run("ADD", "net1", conf(t)).WantOK()
	host.Exec("sh", "-ec", "ip link set net1 down; ip link set net1 name elsewhere") // one request, before Linux 6.2, is refused
	host.Run("DEL", "net1", conf(t)).WantOK()
	host.WantSame(before)
}

func TestDelLongNames(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	long := strings.Repeat("n", 300)
	host.ContainerID = strings.Repeat("c", 300)
	host.Run("ADD", "net1", conf(t, m{"name": long})).WantOK()
	host.Run("DEL", "net1", conf(t, m{"name": long[1:]})).WantOK()
	if _, there := host.Device("net1"); !there {
		t.Error("another network's DEL deleted the device")
	}
	host.Run("DEL", "net1", conf(t, m{"name": long})).WantOK()
	host.WantSame(before)
}

// After an upgrade from the reference plugin its devices have no alias: prevResult tells them.
func TestDelDeviceOfTheReference(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	config := conf(t, hostLocal(m{"ranges": []any{[]any{m{"subnet": "10.1.0.0/24"}}}}))
	plugin := host.Plugin
	host.Plugin = harness.Bin(t, "reference/tap")
	added := host.Run("ADD", "net1", config).WantOK()

	host.Plugin = plugin
	host.Run("DEL", "net1", host.WithPrev(config, added)).WantOK()
	host.WantSame(before)
}

// A configuration that was changed for the worse must not keep the device alive.
func TestDelWithBrokenConfiguration(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	host.Run("ADD", "net1", conf(t, fake())).WantOK()
	host.Run("DEL", "net1", conf(t, fake(), m{"mtu": "big", "mac": 5, "owner": -1, "bridge": "a/b"}), "CNI_ARGS=nonsense").WantOK()
	host.WantSame(before)
}

func TestDelWithVMAttached(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	host.Run("ADD", "net1", conf(t, owned())).WantOK()
	vmm := host.Attach(harness.Attach{User: 64001, Group: 64002, Hold: true})
	vmm.WantAttached()
	host.Run("DEL", "net1", conf(t)).WantOK()
	host.WantSame(before)
}

// A container that may can give a device of its namespace so many names that a message of
// the kernel about it is larger than any other.
func TestDelBesideADeviceOfManyNames(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	host.Run("ADD", "net1", conf(t)).WantOK()
	host.Exec("sh", "-ec", `ip link add many type bridge
		x=$(printf 'x%.0s' $(seq 122))
		for i in $(seq 1000 1490); do echo "link property add dev many altname a$i$x"; done | ip -batch -`)
	host.Run("DEL", "net1", conf(t)).WantOK()
	host.Exec("ip", "link", "del", "many")
	host.WantSame(before)
}
