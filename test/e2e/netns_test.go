package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"tap/test/harness"
)

// The plugin's own namespace is refused before anything is touched.
func TestAddOwnNamespaceTouchesNothing(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	own := "CNI_NETNS=" + host.Node.Path()
	host.Run("ADD", "net1", conf(t, fake()), own).WantError(codeNetns, "own network namespace", "CNI_NETNS_OVERRIDE")
	host.WantSame(before)
	if calls := host.Verbs(); calls != "" {
		t.Errorf("IPAM was asked to %s", calls)
	}
}

func TestDelOwnNamespaceTouchesNoDevice(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "net1", conf(t, fake())).WantOK()
	if _, err := host.Node.Output("ip", "tuntap", "add", "net1", "mode", "tap"); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Node.Output("ip", "link", "set", "net1", "alias", "tap/vms/container1/net1"); err != nil {
		t.Fatal(err)
	}
	host.Run("DEL", "net1", conf(t, fake()), "CNI_NETNS="+host.Node.Path()).WantError(codeNetns)
	if _, err := host.Node.Output("ip", "link", "show", "net1"); err != nil {
		t.Errorf("the host's device was deleted: %v", err)
	}
	if held := host.Reservations(); len(held) != 0 {
		t.Errorf("IPAM still holds %v", held)
	}
}

func TestOwnNamespaceWithOverride(t *testing.T) {
	host := harness.NewHost(t)
	host.Pod = host.Node
	before := host.Snapshot()
	const override = "CNI_NETNS_OVERRIDE=true"
	config := conf(t)
	added := host.Run("ADD", "net1", config, override).WantOK()
	host.MustDevice("net1")
	host.Run("CHECK", "net1", host.WithPrev(config, added), override).WantOK()
	host.Run("DEL", "net1", config, override).WantOK()
	host.WantSame(before)
}

func TestAddBadNamespace(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"no such file": plain + "x", "plain file": plain, "another kind": "/proc/self/ns/uts"} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			host.Run("ADD", "net1", conf(t, fake()), "CNI_NETNS="+path).WantError(codeNetns, path)
			if calls := host.Verbs(); calls != "" {
				t.Errorf("IPAM was asked to %s", calls)
			}
		})
	}
}

// After a reboot a bind mount is a plain file; a dead one is a mount without its namespace.
func TestDelBoundNamespace(t *testing.T) {
	host := harness.NewHost(t)
	name := "tap-test-" + filepath.Base(host.Store) + "-" + strconv.Itoa(os.Getpid())
	if out, err := host.Node.Output("ip", "netns", "add", name); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	path := "/run/netns/" + name
	t.Cleanup(func() {
		if _, err := os.Stat(path); err == nil {
			if out, err := host.Node.Output("ip", "netns", "del", name); err != nil {
				t.Errorf("%v %s", err, out)
			}
		}
	})
	host.Run("ADD", "net1", conf(t, fake()), "CNI_NETNS="+path).WantOK()
	if out, err := host.Node.Output("ip", "netns", "del", name); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	host.Run("DEL", "net1", conf(t, fake()), "CNI_NETNS="+path).WantOK()
	if held := host.Reservations(); len(held) != 0 {
		t.Errorf("IPAM still holds %v", held)
	}
}
