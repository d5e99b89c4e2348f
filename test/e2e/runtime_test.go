package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/test/harness"
)

// runtime is libcni, as containerd, CRI-O and Podman use it, in the node's namespace.
type runtime struct {
	*libcni.CNIConfig
	host   *harness.Host
	exec   *nodeExec
	stderr *bytes.Buffer // of the plugins
}

func newRuntime(t *testing.T, host *harness.Host) *runtime {
	t.Helper()
	stderr := &bytes.Buffer{}
	exec := &nodeExec{DefaultExec: &invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: stderr}}, host: host}
	return &runtime{libcni.NewCNIConfigWithCacheDir([]string{harness.BinDir(t)}, t.TempDir(), exec), host, exec, stderr}
}

// nodeExec executes plugins in the node's namespace; the rest is the library's.
type nodeExec struct {
	*invoke.DefaultExec
	host    *harness.Host
	printed [][]byte // by each plugin, in order
}

func (e *nodeExec) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	var out []byte
	err := e.host.Node.Do(func() error {
		var err error
		out, err = e.DefaultExec.ExecPlugin(ctx, path, stdin, environ)
		return err
	})
	e.printed = append(e.printed, out)
	return out, err
}

func (r *runtime) attachment() *libcni.RuntimeConf {
	return &libcni.RuntimeConf{ContainerID: r.host.ContainerID, NetNS: r.host.Pod.Path(), IfName: "net1"}
}

// lifeCycle is what a runtime does with a network: ADD, CHECK, DEL, with its result cache.
func (r *runtime) lifeCycle(t *testing.T, config string, look func(*current.Result)) {
	t.Helper()
	if harness.NamesOwner(config) {
		harness.NeedUsers(t)
	}
	ctx := context.Background()
	list, err := libcni.ConfListFromBytes([]byte(r.host.Expand(config)))
	if err != nil {
		t.Fatal(err)
	}
	before := r.host.Snapshot()
	attachment := r.attachment()
	result, err := r.AddNetworkList(ctx, list, attachment)
	if err != nil {
		t.Fatalf("ADD: %v", err)
	}
	converted, err := current.NewResultFromResult(result)
	if err != nil {
		t.Fatal(err)
	}
	look(converted)
	if err := r.CheckNetworkList(ctx, list, attachment); err != nil && !tooOld(list.CNIVersion) {
		t.Errorf("CHECK: %v", err)
	}
	if err := r.DelNetworkList(ctx, list, attachment); err != nil {
		t.Errorf("DEL: %v", err)
	}
	r.host.WantSame(before)
}

// tooOld says whether CHECK does not exist in that version of the specification.
func tooOld(version string) bool { return version < "0.4.0" }

func TestRuntimeEveryVersion(t *testing.T) {
	for _, version := range []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		for _, layer := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s layer %d", version, layer), func(t *testing.T) {
				t.Parallel()
				testVersion(t, version, layer)
			})
		}
	}
}

func testVersion(t *testing.T, version string, layer int) {
	host := harness.NewHost(t)
	plugin := m{"type": "tap", "mtu": 1400}
	if layer == 3 {
		plugin["ipam"] = hostLocal(m{"routes": []any{m{"dst": "0.0.0.0/0"}}})["ipam"]
		plugin["dns"] = m{"nameservers": []string{"10.1.0.53"}}
	}
	config := conf(t, m{"cniVersion": version, "plugins": []any{plugin}})
	if layer == 2 && version < "0.3.0" { // cannot say what it has to say
		before := host.Snapshot()
		host.Run("ADD", "net1", conf(t, m{"cniVersion": version})).WantError(codeConfig, "cniVersion")
		host.Run("DEL", "net1", conf(t, m{"cniVersion": version})).WantOK()
		host.WantSame(before)
		return
	}
	newRuntime(t, host).lifeCycle(t, config, func(result *current.Result) {
		if version >= "0.3.0" && (len(result.Interfaces) != 1 || result.Interfaces[0].Name != "net1" || result.Interfaces[0].Mac == "") {
			t.Errorf("interfaces %+v", result.Interfaces)
		}
		if version == "1.1.0" && result.Interfaces[0].Mtu != 1400 {
			t.Errorf("MTU %d, want 1400", result.Interfaces[0].Mtu)
		}
		if want := 2 * (layer - 2); len(result.IPs) != want {
			t.Errorf("%d addresses, want %d", len(result.IPs), want)
		}
		if layer == 3 && (len(result.Routes) != 1 || len(result.DNS.Nameservers) != 1) {
			t.Errorf("routes %v, DNS %v", result.Routes, result.DNS)
		}
	})
}

// The result that the plugin itself prints is of the version asked for.
func TestAddResultVersion(t *testing.T) {
	for _, version := range []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", ""} {
		t.Run(version, func(t *testing.T) {
			host := harness.NewHost(t)
			keys := m{"cniVersion": version}
			got := host.Run("ADD", "net1", conf(t, hostLocal(), keys)).WantOK()
			var result m
			if err := json.Unmarshal([]byte(got.Stdout), &result); err != nil {
				t.Fatal(err)
			}
			want := version
			if version == "" {
				want = "0.1.0"
			}
			if result["cniVersion"] != want {
				t.Errorf("cniVersion %v, want %s", result["cniVersion"], want)
			}
			if _, old := result["ip4"]; old != (want < "0.3.0") {
				t.Errorf("form of the result: %s", got.Stdout)
			}
		})
	}
}

// The mac capability reaches the plugin through libcni.
func TestRuntimeMACCapability(t *testing.T) {
	host := harness.NewHost(t)
	r := newRuntime(t, host)
	list, err := libcni.ConfListFromBytes([]byte(conf(t, m{"plugins": []any{m{"type": "tap", "capabilities": m{"mac": true}}}})))
	if err != nil {
		t.Fatal(err)
	}
	attachment := r.attachment()
	attachment.CapabilityArgs = m{"mac": "02:00:00:00:00:09"}
	if _, err := r.AddNetworkList(context.Background(), list, attachment); err != nil {
		t.Fatal(err)
	}
	if got := host.MustDevice("net1").MAC; got != "02:00:00:00:00:09" {
		t.Errorf("MAC %s", got)
	}
}

// A failed ADD is followed by DEL, with the plugin's error in the runtime's hands.
func TestRuntimeSeesTheError(t *testing.T) {
	host := harness.NewHost(t)
	r := newRuntime(t, host)
	host.Exec("ip", "tuntap", "add", "net1", "mode", "tap")
	list, err := libcni.ConfListFromBytes([]byte(conf(t, m{"plugins": []any{m{"type": "tap"}}})))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.AddNetworkList(context.Background(), list, r.attachment())
	var cni *types.Error
	if err == nil || !errors.As(err, &cni) || cni.Code != codeNameTaken {
		t.Errorf("error %v", err)
	}
	if err := r.DelNetworkList(context.Background(), list, r.attachment()); err != nil {
		t.Errorf("DEL: %v", err)
	}
	host.MustDevice("net1") // a stranger's
}

// The configurations of examples/ do what they say.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.conflist")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			host := harness.NewHost(t)
			host.Exec("ip", "link", "add", "br0", "address", "02:00:00:00:00:bb", "type", "bridge")
			// The bridge plugin leaves its bridge for ever, so it is there before.
			if out, err := host.Node.Output("sh", "-ec", `
				ip link add cni-guests address 02:00:00:00:00:bb up type bridge; ip addr add 10.25.0.1/24 dev cni-guests
				echo 1 >/proc/sys/net/ipv6/conf/all/forwarding # as the bridge plugin does
				ip link add cni-redirect address 02:00:00:00:00:bc up type bridge
				ip addr add 10.26.0.1/24 dev cni-redirect; ip addr add fd00:26::1/64 dev cni-redirect nodad
				until ip -6 route show table local | grep -q '^local fd00:26::1'; do sleep 0.01; done # the kernel's, in its own time`); err != nil {
				t.Fatalf("make the bridge: %v: %s", err, out)
			}
			config := exampleConfig(t, host, file)
			name := "net1"
			if strings.Contains(config, "tapName") {
				name = "vm0"
			}
			if strings.Contains(config, "redirect\"") {
				harness.NeedRoot(t) // its programs are BPF
				name = "tap-net1"
			}
			newRuntime(t, host).lifeCycle(t, config, func(result *current.Result) {
				d := host.MustDevice(name)
				listed := slices.ContainsFunc(result.Interfaces, func(i *current.Interface) bool { return i.Name == name && i.Mac == d.MAC })
				if !d.Up() || !listed || d.Details.Kind != "tun" {
					t.Errorf("device %+v, result %+v", d, result)
				}
			})
		})
	}
}

// exampleConfig is the file, with host-local's store in the test's folder.
func exampleConfig(t *testing.T, host *harness.Host, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list m
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	plugins, _ := list["plugins"].([]any)
	for _, p := range plugins {
		plugin, _ := p.(m)
		if ipam, ok := plugin["ipam"].(m); ok && ipam["type"] == "host-local" {
			ipam["dataDir"] = host.Store
		}
	}
	return text(t, list)
}

// cnitool is what people try first.
func TestCnitool(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	dir := t.TempDir()
	config := host.Expand(conf(t, m{"plugins": []any{m{"type": "tap", "ipam": hostLocal()["ipam"]}}}))
	if err := os.WriteFile(filepath.Join(dir, "vms.conflist"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"add", "check", "del"} {
		cmd := exec.Command(harness.Bin(t, "cnitool"), verb, "vms", host.Pod.Path())
		cmd.Env = []string{"NETCONFPATH=" + dir, "CNI_PATH=" + harness.BinDir(t), "CNI_IFNAME=net1", "CNI_CONTAINERID=tool" + filepath.Base(host.Store)}
		got := host.Finish(cmd).WantOK()
		if verb == "add" && !strings.Contains(got.Stdout, `"10.1.0.2/24"`) {
			t.Errorf("result %s", got.Stdout)
		}
	}
	host.WantSame(before)
}
