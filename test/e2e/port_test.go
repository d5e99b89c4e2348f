package e2e

import (
	"strings"
	"testing"

	"tap/test/harness"
)

// Two isolated ports of a bridge do not reach each other; both reach the third.
func TestAddIsolatedPorts(t *testing.T) {
	host := harness.NewHost(t)
	host.Exec("sh", "-ec", `ip link add br0 address 02:00:00:00:00:bb type bridge; ip link set br0 up; ip addr add 192.0.2.1/24 dev br0`)
	guests := map[string]*harness.VM{}
	for name, c := range map[string]struct {
		keys m
		last string // of MAC and IP address
	}{
		"net1": {m{"isolated": true}, "11"},
		"net2": {m{"isolated": true}, "12"},
		"net3": {m{}, "13"},
	} {
		host.Run("ADD", name, conf(t, owned(), m{"bridge": "br0"}, c.keys)).WantOK()
		guests[name] = host.StartVM("-tap", name, "-user", "64001", "-group", "64002",
			"-mac", "02:00:00:00:00:"+c.last, "-addr", "192.0.2."+c.last+"/24")
	}
	reaches := func(from, to string) bool {
		_, err := guests[from].NS.Output("ping", "-c", "1", "-W", "1", to)
		return err == nil
	}
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"net1", "192.0.2.1", true},   // the bridge itself
		{"net1", "192.0.2.13", true},  // a port that is not isolated
		{"net3", "192.0.2.12", true},  // the way back
		{"net1", "192.0.2.12", false}, // the other isolated one
	} {
		if got := reaches(c.from, c.to); got != c.want {
			t.Errorf("%s reaches %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestAddFlagsAndPortSettings(t *testing.T) {
	for name, c := range map[string]struct {
		keys       m
		has, lacks string
	}{
		"promiscMode":         {m{"promiscMode": true}, "PROMISC", "ALLMULTI"},
		"promisc, as tuning":  {m{"promisc": true}, "PROMISC", "ALLMULTI"},
		"promiscMode false":   {m{"promiscMode": false, "promisc": false}, "", "PROMISC"},
		"allmulti":            {m{"allmulti": true}, "ALLMULTI", "PROMISC"},
		"both":                {m{"promiscMode": true, "allmulti": true}, "ALLMULTI,PROMISC", "isolated on"},
		"isolated":            {m{"bridge": "br0", "isolated": true}, "isolated on", "ALLMULTI"},
		"isolated, addresses": {m{"bridge": "br0", "isolated": true, "promisc": true, "ipam": hostLocal()["ipam"]}, "isolated on", "ALLMULTI"},
		"not isolated":        {m{"bridge": "br0"}, "isolated off", "PROMISC"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			host.Exec("ip", "link", "add", "br0", "address", "02:00:00:00:00:bb", "type", "bridge")
			before := host.Snapshot()
			config := conf(t, c.keys)
			added := host.Run("ADD", "net1", config).WantOK()
			details := host.Exec("ip", "-d", "link", "show", "net1")
			if !strings.Contains(details, c.has) || strings.Contains(details, c.lacks) {
				t.Errorf("want %q and not %q in\n%s", c.has, c.lacks, details)
			}
			if !host.MustDevice("net1").Up() {
				t.Error("net1 is not up")
			}
			host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
			host.Run("DEL", "net1", config).WantOK()
			host.WantSame(before)
		})
	}
}

func TestCheckFlagsAndPortSettings(t *testing.T) {
	for name, c := range map[string]struct{ change, says string }{
		"isolated":    {"ip link set net1 type bridge_slave isolated off", "isolated: expected true, found false"},
		"promiscMode": {"ip link set net1 promisc off", "promiscMode: expected true, found false"},
		"allmulti":    {"ip link set net1 allmulticast off", "allmulti: expected true, found false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			host.Exec("ip", "link", "add", "br0", "address", "02:00:00:00:00:bb", "type", "bridge")
			config := conf(t, m{"bridge": "br0", "isolated": true, "promiscMode": true, "allmulti": true})
			prev := host.WithPrev(config, host.Run("ADD", "net1", config).WantOK())
			host.Run("CHECK", "net1", prev).WantOK()
			host.Exec("sh", "-ec", c.change)
			host.Run("CHECK", "net1", prev).WantError(codeCheck, c.says)
		})
	}
}
