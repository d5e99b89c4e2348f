package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/test/harness"
)

// chain is an attachment, eth0, to a network of several plugins.
type chain struct {
	*runtime
	t      *testing.T
	list   *libcni.NetworkConfigList
	args   *libcni.RuntimeConf
	before string // what the host and the rules of its pod looked like
}

// newChain makes a host whose node has the bridge that the bridge plugin uses,
// with all that this one leaves for ever.
func newChain(t *testing.T, version string, plugins ...m) *chain {
	t.Helper()
	config := conf(t, m{"cniVersion": version, "plugins": plugins})
	if harness.NamesOwner(config) {
		harness.NeedUsers(t)
	}
	host := harness.NewHost(t)
	if out, err := host.Node.Output("sh", "-ec", "ip link add cni0 address 02:00:00:00:00:bb up type bridge; ip addr add 10.88.0.1/24 dev cni0"); err != nil {
		t.Fatalf("make the bridge: %v: %s", err, out)
	}
	list, err := libcni.ConfListFromBytes([]byte(host.Expand(config)))
	if err != nil {
		t.Fatal(err)
	}
	c := &chain{runtime: newRuntime(t, host), t: t, list: list}
	c.args = c.attachment()
	c.args.IfName = "eth0"
	c.before = c.snapshot()
	return c
}

// snapshot is the host's, and what sbr changes beside that.
func (c *chain) snapshot() string {
	c.t.Helper()
	return c.host.Snapshot() + c.host.Exec("ip", "rule") + c.host.Exec("ip", "-6", "rule")
}

// add adds the whole chain, in which ours must keep the result of the plugin before it.
func (c *chain) add() *current.Result {
	c.t.Helper()
	result, err := c.AddNetworkList(context.Background(), c.list, c.args)
	if err != nil {
		c.t.Fatalf("ADD: %v", err)
	}
	for i, plugin := range c.list.Plugins[1:] {
		if plugin.Network.Type == "tap" {
			wantKept(c.t, c.exec.printed[i], c.exec.printed[i+1])
		}
	}
	converted, err := current.NewResultFromResult(result)
	if err != nil {
		c.t.Fatal(err)
	}
	return converted
}

// wantKept fails unless a result begins with all that the one before it says.
func wantKept(t *testing.T, before, after []byte) {
	t.Helper()
	var was, is m
	if err := errors.Join(json.Unmarshal(before, &was), json.Unmarshal(after, &is)); err != nil {
		t.Fatalf("%v\n%s\n%s", err, before, after)
	}
	for _, key := range []string{"interfaces", "ips", "routes"} {
		old, _ := was[key].([]any)
		list, _ := is[key].([]any)
		if len(list) < len(old) || len(old) > 0 && !reflect.DeepEqual(list[:len(old)], old) {
			t.Errorf("%s\nwant first %v\ngot        %v", key, old, list)
		}
	}
	if !reflect.DeepEqual(was["dns"], is["dns"]) || was["cniVersion"] != is["cniVersion"] {
		t.Errorf("DNS and version\nwant %v, %v\ngot  %v, %v", was["dns"], was["cniVersion"], is["dns"], is["cniVersion"])
	}
}

// wantOurs fails unless that entry of the result is the tap of that name, and
// the addresses that point at it are those that the tap has.
func (c *chain) wantOurs(result *current.Result, index int, name string) {
	c.t.Helper()
	if index >= len(result.Interfaces) {
		c.t.Fatalf("%d interfaces, want %q at %d", len(result.Interfaces), name, index)
	}
	device := c.host.MustDevice(name)
	want := current.Interface{Name: name, Mac: device.MAC, Sandbox: c.host.Pod.Path()}
	if c.list.CNIVersion == "1.1.0" {
		want.Mtu = device.MTU
	}
	if got := *result.Interfaces[index]; got != want {
		c.t.Errorf("interface %d\nwant %+v\ngot  %+v", index, want, got)
	}
	addresses, has := addressesOf(result, index), device.Global()
	slices.Sort(addresses)
	slices.Sort(has)
	if !slices.Equal(addresses, has) {
		c.t.Errorf("addresses of %s: %v in the result, %v on the device", name, addresses, has)
	}
	alias := "tap/vms/container1/eth0"
	if name != "eth0" {
		alias += "/" + name
	}
	if device.Alias != alias {
		c.t.Errorf("alias of %s: %q, want %q", name, device.Alias, alias)
	}
}

// addressesOf are those that point at an interface of the result.
func addressesOf(result *current.Result, index int) []string {
	var list []string
	for _, ip := range result.IPs {
		if ip.Interface != nil && *ip.Interface == index {
			list = append(list, ip.Address.String())
		}
	}
	return list
}

// check is CHECK of the plugins of those types; of all where none is named.
func (c *chain) check(plugins ...string) error {
	part := *c.list
	part.Plugins = slices.DeleteFunc(slices.Clone(part.Plugins), func(p *libcni.PluginConfig) bool {
		return len(plugins) > 0 && !slices.Contains(plugins, p.Network.Type)
	})
	if err := c.CheckNetworkList(context.Background(), &part, c.args); err != nil && !tooOld(c.list.CNIVersion) {
		return fmt.Errorf("CHECK: %w", err)
	}
	return nil
}

// wantChecked fails unless CHECK of the plugins of those types succeeds.
func (c *chain) wantChecked(plugins ...string) {
	c.t.Helper()
	if err := c.check(plugins...); err != nil {
		c.t.Error(err)
	}
}

// wantTheirCheck fails unless CHECK fails with what is wrong in another plugin.
// (bridge and ptp, v1.9.1, pkg/ip, ValidateExpectedInterfaceIPs: every address of
// the result is sought on their own interface, whatever its index says.)
func (c *chain) wantTheirCheck(says string) {
	c.t.Helper()
	if err := c.check(); !tooOld(c.list.CNIVersion) && (err == nil || !strings.Contains(err.Error(), says)) {
		c.t.Errorf("CHECK\nwant an error about %q\ngot  %v", says, err)
	}
}

// del deletes twice, as runtimes do that were killed in between, after which nothing is left.
func (c *chain) del() {
	c.t.Helper()
	for range 2 {
		if err := c.DelNetworkList(context.Background(), c.list, c.args); err != nil {
			c.t.Errorf("DEL: %v", err)
		}
		if after := c.snapshot(); after != c.before {
			c.t.Errorf("something was left behind or taken away\nbefore:\n%s\nafter:\n%s", c.before, after)
		}
	}
}

// wantRefused fails unless ADD fails with that code and says that.
func (c *chain) wantRefused(code uint, says string) {
	c.t.Helper()
	_, err := c.AddNetworkList(context.Background(), c.list, c.args)
	var cni *types.Error
	if !errors.As(err, &cni) || cni.Code != code || !strings.Contains(cni.Error(), says) {
		c.t.Errorf("ADD\nwant error %d about %q\ngot  %v", code, says, err)
	}
}

// wantPing fails unless eth0 reaches the bridge.
func (c *chain) wantPing() {
	c.t.Helper()
	c.host.Exec("ping", "-n", "-c", "1", "-W", "10", "-I", "eth0", "10.88.0.1")
}

// inEveryVersion runs a test of chains in all the versions that runtimes have configurations of.
func inEveryVersion(t *testing.T, test func(t *testing.T, version string)) {
	for _, version := range []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			test(t, version)
		})
	}
}

// bridgePlugin is the bridge plugin, whose container interface is a veth with address,
// route and DNS. It keeps its reservations where the tap's IPAM plugin does.
func bridgePlugin() m {
	return m{
		"type": "bridge", "bridge": "cni0", "isGateway": true,
		"dns": m{"nameservers": []any{"10.88.0.53"}, "domain": "pods.example", "search": []any{"a.example"}, "options": []any{"ndots:5"}},
		"ipam": m{
			"type": "host-local", "dataDir": "$STORE", "subnet": "10.88.0.0/24",
			"routes": []any{m{"dst": "0.0.0.0/0"}},
		},
	}
}

// tapPlugin is our plugin with these keys.
func tapPlugin(keys ...m) m {
	all := m{"type": "tap", "mtu": 1400}
	for _, k := range keys {
		maps.Copy(all, k)
	}
	return all
}

func tapNamed(name string) m { return m{"tapName": name} }

// withRoutes is host-local with routes of both families.
func withRoutes() m {
	return hostLocal(m{"routes": []any{m{"dst": "198.51.100.0/24"}, m{"dst": "2001:db8:9::/48"}}})
}

// otherSubnet is host-local with a subnet of the second tap's own.
func otherSubnet() m {
	return m{"ipam": m{"type": "host-local", "dataDir": "$STORE", "subnet": "10.2.0.0/24"}}
}
