package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"tap/test/harness"
)

// Where the reference plugin is right, ours gives the same device and the same result.
func TestReferenceGivesTheSame(t *testing.T) {
	host4 := hostLocal(m{"ranges": []any{[]any{m{"subnet": "10.1.0.0/24"}}}, "routes": []any{m{"dst": "0.0.0.0/0"}, m{"dst": "10.9.0.0/16", "gw": "10.1.0.7"}}})
	for name, keys := range map[string][]m{
		"minimal":                     {},
		"owner":                       {{"owner": 64001}},
		"group":                       {{"group": 64002}},
		"owner and group":             {owned()},
		"mtu":                         {{"mtu": 1400}},
		"mac":                         {{"mac": "02:00:00:00:00:01"}},
		"owner, mtu and mac":          {{"owner": 64001, "mtu": 1400, "mac": "02:00:00:00:00:01"}},
		"multiQueue":                  {{"multiQueue": true}},
		"multiQueue, owner and group": {{"multiQueue": true}, owned()},
		"bridge":                      {{"bridge": "br0"}},
		"host-local":                  {host4},
		"host-local and dns":          {host4, {"dns": m{"nameservers": []string{"10.1.0.53"}}}},
		"keys in another case":        {{"MULTIQUEUE": true, "Mtu": 1300}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := conf(t, append([]m{{"cniVersion": "1.0.0", "mac": "02:00:00:00:00:03"}}, keys...)...)
			if isOwned(keys) { // it ignores the MAC there, defect 1
				config = conf(t, append([]m{{"cniVersion": "1.0.0"}}, keys...)...)
			}
			theirs, ours := "", ""
			for plugin, seen := range map[string]*string{"reference/tap": &theirs, "tap": &ours} {
				host := harness.NewHost(t)
				host.Exec("ip", "link", "add", "br0", "address", "02:00:00:00:00:bb", "type", "bridge")
				host.Plugin = harness.Bin(t, plugin)
				added := host.Run("ADD", "net1", config).WantOK()
				*seen = strings.Join([]string{
					describe(host.MustDevice("net1"), isOwned(keys)), withoutOurs(t, host, added, isOwned(keys)),
					settledRoutes(host), host.Exec("cat", "/proc/sys/net/ipv4/conf/net1/arp_notify"), fmt.Sprint(host.Reservations()),
				}, "\n")
			}
			if theirs != ours {
				t.Errorf("reference:\n%s\nours:\n%s", theirs, ours)
			}
		})
	}
}

func isOwned(keys []m) bool {
	all := m{}
	for _, k := range keys {
		maps.Copy(all, k)
	}
	return all["owner"] != nil && all["group"] != nil
}

// describe leaves out the alias, which only ours has, and a MAC that the kernel drew.
func describe(d harness.Device, randomMAC bool) string {
	d.Alias = ""
	d.Addresses = nil
	if randomMAC {
		d.MAC = ""
	}
	d.Flags = nil // the carrier is noted in the kernel's own time; up is below
	return fmt.Sprintf("%+v", d)
}

// withoutOurs leaves out what only ours records, the MTU, and the path of the namespace.
func withoutOurs(t *testing.T, host *harness.Host, added harness.Got, randomMAC bool) string {
	t.Helper()
	r := added.Result()
	for i := range r.Interfaces {
		r.Interfaces[i].MTU = 0
		if r.Interfaces[i].Sandbox != host.Pod.Path() {
			t.Errorf("sandbox %s", r.Interfaces[i].Sandbox)
		}
		r.Interfaces[i].Sandbox = ""
		if randomMAC {
			r.Interfaces[i].MAC = ""
		}
	}
	return text(t, r)
}

func settledRoutes(host *harness.Host) string {
	return strings.ReplaceAll(host.Exec("ip", "-4", "route", "show", "table", "all"), " linkdown", "")
}
