package e2e

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// CHECK names each difference, expected and found.
func TestCheckNamesEveryDifference(t *testing.T) {
	keys := []m{owned(), {"multiQueue": true, "bridge": "br0", "mac": "02:00:00:00:00:01"}, fake(m{
		"ips":    []any{m{"address": "192.0.2.2/24", "gateway": "192.0.2.1"}, m{"address": "2001:db8::2/64", "gateway": "2001:db8::1"}},
		"routes": []any{m{"dst": "198.51.100.0/24", "table": 77}, m{"dst": "::/0"}, m{"dst": "203.0.113.0/24", "mtu": 1200, "priority": 5}},
	})}
	for _, c := range []struct {
		name   string
		change func(host *harness.Host)
		says   []string
	}{
		{"device gone", sh("ip link del net1"), []string{`missing device with alias "tap/vms/container1/net1"`}},
		{"another device of the name", sh("ip link del net1; ip link add net1 type veth peer name p"), []string{"alias", `kind "veth"`}},
		{"another tap of the name", sh("ip link del net1; ip tuntap add net1 mode tap"), []string{"alias"}},
		{"a veth with our alias", sh("ip link del net1; ip link add net1 type veth peer name p; ip link set net1 alias tap/vms/container1/net1"), []string{"kind: expected a tap, found", "veth"}},
		{"alias", sh("ip link set net1 alias other"), []string{`alias: expected "tap/vms/container1/net1", found "other"`}},
		{"name", sh("ip link set net1 down; ip link set net1 name net2 up"), []string{"name: expected net1, found net2"}},
		{"down", sh("ip link set net1 down"), []string{"up: expected true, found false"}},
		{"MAC", sh("ip link set net1 address 02:00:00:00:00:99"), []string{"MAC: expected 02:00:00:00:00:01, found 02:00:00:00:00:99"}},
		{"bridge", sh("ip link set net1 nomaster"), []string{"bridge"}},
		{"bridge gone", sh("ip link del br0"), []string{`missing bridge "br0"`}},
		{"IPv4 address", sh("ip addr del 192.0.2.2/24 dev net1"), []string{"address: expected 192.0.2.2/24"}},
		{"IPv6 address", sh("ip addr del 2001:db8::2/64 dev net1"), []string{"address: expected 2001:db8::2/64"}},
		{"prefix length", sh("ip addr del 192.0.2.2/24 dev net1; ip addr add 192.0.2.2/25 dev net1"), []string{"address: expected 192.0.2.2/24", "192.0.2.2/25"}},
		{"route in a table", sh("ip route del 198.51.100.0/24 table 77"), []string{"missing route 198.51.100.0/24 table 77"}},
		{"route in another table", sh("ip route del 198.51.100.0/24 table 77; ip route add 198.51.100.0/24 via 192.0.2.1"), []string{"missing route 198.51.100.0/24 table 77"}},
		{"default route", sh("ip -6 route del ::/0"), []string{"missing route ::/0"}},
		{"route metric", sh("ip route del 203.0.113.0/24; ip route add 203.0.113.0/24 via 192.0.2.1 metric 5"), []string{"missing route 203.0.113.0/24", "mtu 1200"}},
		{"several", sh("ip link set net1 down nomaster"), []string{"up: expected true", "bridge"}},
		{"not persistent", notPersistent, []string{"persistent: expected true, found false"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			host.Exec("ip", "link", "add", "br0", "address", "02:00:00:00:00:bb", "type", "bridge")
			config := conf(t, keys...)
			prev := host.WithPrev(config, host.Run("ADD", "net1", config).WantOK())
			host.Run("CHECK", "net1", prev).WantOK()
			c.change(host)
			host.Run("CHECK", "net1", prev).WantError(codeCheck, c.says...)
		})
	}
}

// notPersistent does what any process that is attached may do.
func notPersistent(host *harness.Host) {
	queue := host.OpenTap("net1", unix.IFF_MULTI_QUEUE)
	host.Must(unix.IoctlSetInt(queue, unix.TUNSETPERSIST, 0))
}

func sh(script string) func(*harness.Host) {
	return func(host *harness.Host) { host.Exec("sh", "-ec", script) }
}

func TestCheckOwnerGroupAndQueues(t *testing.T) {
	for _, c := range []struct {
		name         string
		made, wanted m
		says         string
	}{
		{"owner", m{"owner": 5}, m{"owner": 6}, "owner: expected 6, found 5"},
		{"no owner", m{"owner": 5}, m{}, "owner: expected none, found 5"},
		{"owner wanted", m{}, m{"owner": 0}, "owner: expected 0, found none"},
		{"group", m{"group": 5}, m{"group": 6}, "group: expected 6, found 5"},
		{"queues", m{}, m{"multiQueue": true}, "multiQueue: expected true, found false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := harness.NewHost(t)
			added := host.Run("ADD", "net1", conf(t, c.made)).WantOK()
			host.Run("CHECK", "net1", host.WithPrev(conf(t, c.wanted), added)).WantError(codeCheck, c.says)
		})
	}
}

// What tuning changes without recording it is a line on standard error.
func TestCheckMTUAndQueueLengthAreNotices(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, m{"mtu": 1400, "txQueueLen": 100})
	prev := host.WithPrev(config, host.Run("ADD", "net1", config).WantOK())
	if got := host.Run("CHECK", "net1", prev).WantOK(); got.Stderr != "" {
		t.Errorf("standard error: %s", got.Stderr)
	}
	host.Exec("ip", "link", "set", "net1", "mtu", "1300", "txqueuelen", "200")
	got := host.Run("CHECK", "net1", prev).WantOK()
	for _, text := range []string{"MTU changed from 1400 to 1300", "txQueueLen changed from 100 to 200"} {
		if !strings.Contains(got.Stderr, text) {
			t.Errorf("standard error does not say %q: %s", text, got.Stderr)
		}
	}
}

// Addresses of the chain's other interfaces are not sought on the tap.
func TestCheckLeavesOtherInterfacesAlone(t *testing.T) {
	host := harness.NewHost(t)
	host.Exec("sh", "-ec", "ip link add eth0 type veth peer name p; ip link set eth0 up; ip link set p up; ip addr add 203.0.113.2/24 dev eth0; ip route add default via 203.0.113.1")
	config := conf(t, fake(), m{"prevResult": m{
		"cniVersion": "1.1.0",
		"interfaces": []any{m{"name": "eth0", "mac": "02:00:00:00:00:05", "sandbox": "$NETNS"}},
		"ips":        []any{m{"address": "203.0.113.2/24", "interface": 0}, m{"address": "203.0.113.9/32"}},
		"routes":     []any{m{"dst": "0.0.0.0/0", "gw": "203.0.113.1"}},
	}})
	added := host.Run("ADD", "net1", config)
	result := added.Result()
	if len(result.Interfaces) != 2 || result.Interfaces[0].Name != "eth0" || result.Interfaces[1].Name != "net1" {
		t.Errorf("interfaces %+v", result.Interfaces)
	}
	if len(result.IPs) != 3 || *result.IPs[0].Interface != 0 || result.IPs[1].Interface != nil || *result.IPs[2].Interface != 1 {
		t.Errorf("ips %+v", result.IPs)
	}
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
}

func TestCheckAsksIPAM(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, fake())
	added := host.Run("ADD", "net1", config).WantOK()
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
	if got := host.Verbs(); got != "ADD CHECK" {
		t.Errorf("IPAM was asked to %s", got)
	}
	failing := conf(t, fake(m{"fail": m{"CHECK": m{"code": 200, "msg": "lost"}}}))
	host.Run("CHECK", "net1", host.WithPrev(failing, added)).WantError(200, `IPAM plugin "fake": CHECK: lost`)
}

func TestCheckBadInput(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("CHECK", "net1", conf(t)).WantError(codeConfig, "prevResult")
	host.Run("CHECK", "net1", conf(t, m{"cniVersion": "0.3.1"})).WantError(1)
	host.Run("CHECK", "net1", conf(t, m{"prevResult": m{"cniVersion": "1.1.0"}}), "CNI_NETNS=/nowhere").WantError(codeNetns)
	host.Run("CHECK", "net1", conf(t, m{"prevResult": m{"cniVersion": "1.1.0"}})).WantError(codeCheck)
}

// CHECK does not attach: a single-queue tap has no room while the VM runs.
func TestCheckWhileAttached(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, owned())
	added := host.Run("ADD", "net1", config).WantOK()
	host.Attach(harness.Attach{User: 64001, Group: 64002, Hold: true}).WantAttached()
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
}

// A bridge goes by its alternative names too.
func TestCheckBridgeByAlternativeName(t *testing.T) {
	host := harness.NewHost(t)
	host.Exec("sh", "-ec", "ip link add br0 address 02:00:00:00:00:bb type bridge; ip link property add dev br0 altname uplink")
	config := conf(t, m{"bridge": "uplink"})
	added := host.Run("ADD", "net1", config).WantOK()
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
}
