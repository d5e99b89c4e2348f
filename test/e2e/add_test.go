package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tap/test/harness"
)

func TestAddTxQueueLen(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "net1", conf(t, m{"txQueueLen": 77})).WantOK()
	if got := host.MustDevice("net1").QLen; got != 77 {
		t.Errorf("transmit queue length\n got %d\nwant 77", got)
	}
}

func TestAddKeysInAnyCase(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "net1", conf(t, m{"MultiQueue": true, "MTU": 1300, "OWNER": 64001, "selinuxcontext": "", "unknown": m{"a": 1}})).WantOK()
	d := host.MustDevice("net1")
	if !d.Details.Data.MultiQueue || d.MTU != 1300 || d.Details.Data.User != "64001" {
		t.Errorf("got %+v", d)
	}
}

func TestAddOwnerAndGroupZeroAreRoot(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "net1", conf(t, m{"owner": 0, "group": 0})).WantOK()
	if d := host.MustDevice("net1").Details.Data; d.User != "0" || d.Group != "0" {
		t.Errorf("user %q, group %q, want 0 and 0", d.User, d.Group)
	}
}

func TestAddAddressesAndRoutes(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	config := conf(t, hostLocal(m{"routes": []any{m{"dst": "0.0.0.0/0"}, m{"dst": "::/0"}, m{"dst": "10.9.0.0/16", "gw": "10.1.0.7"}}}),
		m{"dns": m{"nameservers": []string{"10.1.0.53"}}})
	added := host.Run("ADD", "net1", config)
	result := added.Result()

	d := host.MustDevice("net1")
	if got, want := fmt.Sprint(d.Global()), "[10.1.0.2/24 2001:db8::2/64]"; got != want {
		t.Errorf("addresses\n got %s\nwant %s", got, want)
	}
	for _, a := range d.Addresses {
		if a.Scope == "global" && a.Tentative {
			t.Errorf("address %s is tentative", a.Local)
		}
	}
	wantLines(t, host.Exec("ip", "route"), "default via 10.1.0.1 dev net1", "10.9.0.0/16 via 10.1.0.7 dev net1")
	wantLines(t, host.Exec("ip", "-6", "route"), "default via 2001:db8::1 dev net1")
	for _, ip := range result.IPs {
		if ip.Interface == nil || *ip.Interface != 0 {
			t.Errorf("address %s does not point at the interface", ip.Address)
		}
	}
	if len(result.IPs) != 2 || len(result.Routes) != 3 || len(result.DNS.Nameservers) != 1 {
		t.Errorf("result %+v", result)
	}
	for _, key := range []string{"ipv4/conf/net1/arp_notify", "ipv6/conf/net1/keep_addr_on_down"} {
		if got := strings.TrimSpace(host.Exec("cat", "/proc/sys/net/"+key)); got != "1" {
			t.Errorf("%s is %s, want 1", key, got)
		}
	}
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
	host.Run("DEL", "net1", host.WithPrev(config, added)).WantOK()
	host.WantSame(before)
}

// wantLines fails unless each text begins a line of the output.
func wantLines(t *testing.T, output string, begins ...string) {
	t.Helper()
	for _, begin := range begins {
		found := false
		for line := range strings.Lines(output) {
			found = found || strings.HasPrefix(strings.TrimSpace(line), begin)
		}
		if !found {
			t.Errorf("no line begins with %q in\n%s", begin, output)
		}
	}
}

// Container runtimes turn IPv6 off by sysctl; an IPv6 address turns it on again.
func TestAddEnablesIPv6AndUndoesIt(t *testing.T) {
	const lo = "/proc/sys/net/ipv6/conf/lo/disable_ipv6"
	disabled := func(t *testing.T) *harness.Host {
		host := harness.NewHost(t)
		for _, name := range []string{"default", "lo"} {
			host.Exec("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6")
		}
		return host
	}
	t.Run("success", func(t *testing.T) {
		host := disabled(t)
		host.Run("ADD", "net1", conf(t, hostLocal())).WantOK()
		if got := host.MustDevice("net1").Global(); len(got) != 2 {
			t.Errorf("addresses %v", got)
		}
		if got := strings.TrimSpace(host.Exec("cat", lo)); got != "0" {
			t.Errorf("lo: disable_ipv6 is %s, want 0", got)
		}
	})
	t.Run("failure", func(t *testing.T) {
		host := disabled(t)
		before := host.Snapshot()
		cmd := host.Command("ADD", "net1", conf(t, hostLocal()))
		cmd.Stdout = devFull(t)
		if got := host.Finish(cmd); got.Exit == 0 {
			t.Error("succeeded without anybody to take the result")
		}
		host.WantSame(before)
	})
	t.Run("IPv4 only", func(t *testing.T) {
		host := disabled(t)
		host.Run("ADD", "net1", conf(t, fake())).WantOK()
		if got := strings.TrimSpace(host.Exec("cat", lo)); got != "1" {
			t.Errorf("lo: disable_ipv6 is %s, want 1 as before", got)
		}
	})
}

func TestAddMACPrecedence(t *testing.T) {
	const fromKey, fromArgs, fromCNI, fromRuntime = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "02:00:00:00:00:04"
	key, cni, runtime := m{"mac": fromKey}, m{"args": m{"cni": m{"mac": fromCNI}}}, m{"runtimeConfig": m{"mac": fromRuntime}}
	for _, c := range []struct {
		name, args, want string
		keys             []m
	}{
		{"key", "", fromKey, []m{key}},
		{"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=p;MAC=" + fromArgs, fromArgs, []m{key}},
		{"args.cni", "MAC=" + fromArgs, fromCNI, []m{key, cni}},
		{"runtimeConfig", "MAC=" + fromArgs, fromRuntime, []m{key, cni, runtime}},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := harness.NewHost(t)
			result := host.Run("ADD", "net1", conf(t, c.keys...), "CNI_ARGS="+c.args).Result()
			if got := host.MustDevice("net1").MAC; got != c.want || result.Interfaces[0].MAC != c.want {
				t.Errorf("MAC\n got %s (result %s)\nwant %s", got, result.Interfaces[0].MAC, c.want)
			}
		})
	}
}

// The bridge has no fixed MAC and MTU, and takes those of its first port.
func TestAddTellsThatTheBridgeChanges(t *testing.T) {
	host := harness.NewHost(t)
	host.Exec("ip", "link", "add", "br0", "type", "bridge")
	got := host.Run("ADD", "net1", conf(t, m{"bridge": "br0", "mac": "02:00:00:00:00:01", "mtu": 1400})).WantOK()
	for _, text := range []string{"to 02:00:00:00:00:01 for its new port", `bridge "br0" changed its MTU from 1500 to 1400`} {
		if !strings.Contains(got.Stderr, text) {
			t.Errorf("standard error does not say %q: %s", text, got.Stderr)
		}
	}
	if lines := strings.Count(got.Stderr, "\n"); lines != 2 {
		t.Errorf("%d lines on standard error, want 2: %s", lines, got.Stderr)
	}
}
