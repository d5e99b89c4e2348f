package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"tap/test/harness"
)

// runReadOnly runs ADD where /proc/sys is read-only, as in a container without privilege.
func runReadOnly(host *harness.Host, config string) harness.Got {
	cmd := host.Command("ADD", "net1", config)
	script := "mount --make-rprivate /; mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys; exec \"$0\""
	cmd.Args = []string{"unshare", "-m", "sh", "-ec", script, host.Plugin}
	path, err := exec.LookPath("unshare")
	host.Must(err)
	cmd.Path = path
	return host.Finish(cmd)
}

// ADD fails if a protection cannot be set.
func TestAddWithoutAProtectionFails(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	got := runReadOnly(host, conf(t, owned()))
	got.WantError(101, "/proc/sys/net/ipv6/conf/net1/accept_redirects: read-only file system")
	if !strings.Contains(got.Stdout, "mount /proc/sys writable") {
		t.Errorf("advice\nwant /proc/sys writable\ngot  %s", got.Stdout)
	}
	host.WantSame(before)
}

// Nothing has to be written that has the right value.
func TestAddWithProtectionsAlreadySet(t *testing.T) {
	host := harness.NewHost(t)
	host.Exec("sh", "-ec", `echo 0 >/proc/sys/net/ipv4/conf/all/accept_redirects
		for key in accept_ra accept_redirects autoconf; do echo 0 >/proc/sys/net/ipv6/conf/default/$key; done`)
	runReadOnly(host, conf(t, owned())).WantOK()
	host.MustDevice("net1")
}

// What is set on a tap, and what the keys forward and acceptRA leave as the namespace has it.
func TestAddProtections(t *testing.T) {
	off := "accept_ra=0 accept_redirects=0 autoconf=0 addr_gen_mode=1 forwarding=0 proxy_arp=0 accept_redirects=0 accept_source_route=0 route_localnet=0 proxy_arp_pvlan=0 bootp_relay=0 arp_accept=0 arp_ignore=1 arp_notify=0"
	tests := []struct {
		name   string
		keys   m
		change *strings.Replacer
	}{
		{"plain", m{}, strings.NewReplacer()},
		{"small MTU, which removes IPv6", m{"mtu": 68}, strings.NewReplacer("accept_ra=0 accept_redirects=0 autoconf=0 addr_gen_mode=1 ", "")},
		{"port of a bridge", m{"bridge": "br0"}, strings.NewReplacer()},
		{"IPAM", fake(m{"ips": []any{m{"address": "192.0.2.2/24"}}}), strings.NewReplacer("addr_gen_mode=1", "addr_gen_mode=0", "arp_notify=0", "arp_notify=1")},
		{"forward", m{"forward": true}, strings.NewReplacer("forwarding=0 proxy_arp=0", "forwarding=1 proxy_arp=1", "arp_ignore=1", "arp_ignore=0")},
		{"acceptRA", m{"acceptRA": true}, strings.NewReplacer("accept_ra=0", "accept_ra=1", "autoconf=0", "autoconf=1", "addr_gen_mode=1", "addr_gen_mode=0")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			host := harness.NewHost(t)
			host.Exec("sh", "-ec", `ip link add br0 type bridge
				cd /proc/sys/net/ipv4/conf/default
				for key in forwarding proxy_arp accept_redirects accept_source_route route_localnet proxy_arp_pvlan bootp_relay arp_accept; do echo 1 >$key; done`)
			host.Run("ADD", "net1", conf(t, tt.keys)).WantOK()
			got := host.Exec("sh", "-c", `
				for key in accept_ra accept_redirects autoconf addr_gen_mode; do
					[ ! -e /proc/sys/net/ipv6/conf/net1 ] || printf '%s=%s ' $key $(cat /proc/sys/net/ipv6/conf/net1/$key)
				done
				for key in forwarding proxy_arp accept_redirects accept_source_route route_localnet proxy_arp_pvlan bootp_relay arp_accept arp_ignore arp_notify; do
					printf '%s=%s ' $key $(cat /proc/sys/net/ipv4/conf/net1/$key)
				done`)
			if want := tt.change.Replace(off); strings.TrimSpace(got) != want {
				t.Errorf("settings\nwant %s\ngot  %s", want, got)
			}
		})
	}
}

// Settings of IPv6 that are 0 in most namespaces, and that some kernels do not have.
func TestAddProtectionsOfUnusualIPv6(t *testing.T) {
	const settings = "accept_source_route proxy_ndp force_forwarding"
	for name, c := range map[string]struct {
		keys m
		kept string
	}{"plain": {m{}, ""}, "forward": {m{"forward": true}, "proxy_ndp force_forwarding"}} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			host.Exec("sh", "-ec", "cd /proc/sys/net/ipv6/conf/default; for key in "+settings+"; do [ ! -e $key ] || echo 1 >$key; done")
			host.Run("ADD", "net1", conf(t, c.keys)).WantOK()
			for key := range strings.FieldsSeq(settings) {
				want := "0"
				if strings.Contains(c.kept, key) {
					want = "1"
				}
				got := strings.TrimSpace(host.Exec("sh", "-ec", "cd /proc/sys/net/ipv6/conf/net1; [ ! -e "+key+" ] || cat "+key))
				if got != want && got != "" {
					t.Errorf("%s\nwant %s\ngot  %s", key, want, got)
				}
			}
		})
	}
}

// ADD sets a setting of the namespace. A failed ADD reverts that, unless another tap relies on it.
func TestAddRevertsRedirects(t *testing.T) {
	host := harness.NewHost(t)
	const all = "/proc/sys/net/ipv4/conf/all/accept_redirects"
	want := func(when, value string) {
		t.Helper()
		if got := strings.TrimSpace(host.Exec("cat", all)); got != value {
			t.Errorf("net.ipv4.conf.all.accept_redirects, %s\nwant %s\ngot  %s", when, value, got)
		}
	}
	enable := func() { host.Exec("sh", "-ec", "echo 1 >"+all) }
	fail := func(keys ...m) { // the result cannot be written
		t.Helper()
		cmd := host.Command("ADD", "net2", conf(t, keys...))
		cmd.Stdout = devFull(t)
		if got := host.Finish(cmd); got.Exit == 0 {
			t.Error("ADD without a place for its result succeeded")
		}
	}
	enable()
	fail()
	want("after an ADD that failed", "1")
	fail(fake())
	want("after an ADD with IPAM that failed", "1")
	host.Run("ADD", "net1", conf(t)).WantOK()
	want("after an ADD", "0")
	enable()
	fail()
	want("after an ADD that failed beside a tap", "0")
	enable()
	host.Exec("sh", "-ec", "ip link add br0 type bridge")
	host.Run("ADD", "net3", conf(t, m{"bridge": "br0"})).WantOK()
	want("after an ADD of a port", "1")
}
