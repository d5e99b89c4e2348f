package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tap/test/harness"
)

// The IPAM plugin gets what the specification says, in the plugin's own
// namespace, without any descriptor that it does not need.
func TestIPAMEnvironment(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, fake(m{"note": "hello from ipam"}), m{"mtu": 1400, "extra": m{"kept": true}})
	got := host.Run("ADD", "net1", config, "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAME=p").WantOK()
	if !strings.Contains(got.Stderr, "hello from ipam") {
		t.Errorf("the IPAM plugin's standard error is lost: %q", got.Stderr)
	}
	host.Run("DEL", "net1", config, "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAME=p").WantOK()
	if verbs := host.Verbs(); verbs != "ADD DEL" {
		t.Fatalf("IPAM was asked to %s", verbs)
	}
	node, err := host.Node.Output("readlink", "/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range host.Calls() {
		if call.ContainerID != "container1" || call.IfName != "net1" || call.Netns != host.Pod.Path() ||
			call.Args != "IgnoreUnknown=1;K8S_POD_NAME=p" || call.Path != harness.BinDir(t) {
			t.Errorf("environment of %s: %+v", call.Verb, call)
		}
		var sent, want any
		if err := json.Unmarshal(call.Stdin, &sent); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal([]byte(host.Expand(config)), &want); err != nil {
			t.Error(err)
		}
		if g, w := text(t, sent), text(t, want); g != w {
			t.Errorf("stdin of %s\n got %s\nwant %s", call.Verb, g, w)
		}
		if call.NetnsInode != strings.TrimSpace(node) {
			t.Errorf("%s ran in namespace %s, want %s", call.Verb, call.NetnsInode, node)
		}
		for _, target := range call.Descriptors {
			if strings.Contains(target, "tun") || strings.Contains(target, "net:[") || strings.Contains(target, "socket:") {
				t.Errorf("%s inherited %s", call.Verb, target)
			}
		}
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Without CNI_PATH's help: relative and empty folders are skipped, as are files that are no programs.
func TestIPAMIsSoughtInAbsoluteFolders(t *testing.T) {
	host := harness.NewHost(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fake"), []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := conf(t, fake())
	host.Run("ADD", "net1", config, "CNI_PATH=::bin:"+dir).WantError(codeIPAM, dir)
	host.Run("ADD", "net1", config, "CNI_PATH="+dir+":"+harness.BinDir(t)).WantOK()
}

// A link to ourselves under another name would run itself without end.
func TestIPAMThatIsThisVeryPlugin(t *testing.T) {
	for name, link := range map[string]func(string, string) error{"symbolic link": os.Symlink, "hard link": os.Link} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			dir := t.TempDir()
			original := host.Plugin
			host.Plugin = filepath.Join(dir, "tap") // hard links stay within a file system
			if err := os.WriteFile(host.Plugin, []byte(harness.ReadFile(t, original)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := link(host.Plugin, filepath.Join(dir, "innocent")); err != nil {
				t.Fatal(err)
			}
			config := conf(t, m{"ipam": m{"type": "innocent"}})
			started := time.Now()
			host.Run("ADD", "net1", config, "CNI_PATH="+dir).WantError(codeConfig, "innocent", "itself")
			if time.Since(started) > time.Minute {
				t.Error("it ran for minutes")
			}
			if _, there := host.Device("net1"); there {
				t.Error("a device was left behind")
			}
		})
	}
}

func TestIPAMDNSWinsWhereNoneIsConfigured(t *testing.T) {
	host := harness.NewHost(t)
	ipam := fake(m{"dns": m{"nameservers": []string{"192.0.2.53"}}})
	if got := host.Run("ADD", "net1", conf(t, ipam)).Result().DNS.Nameservers; len(got) != 1 || got[0] != "192.0.2.53" {
		t.Errorf("nameservers %v", got)
	}
	if got := host.Run("ADD", "net2", conf(t, ipam, m{"dns": m{"nameservers": []string{"203.0.113.53"}}})).Result().DNS.Nameservers; len(got) != 1 || got[0] != "203.0.113.53" {
		t.Errorf("nameservers %v", got)
	}
}

func TestIPAMEmptyIsLayer2(t *testing.T) {
	for name, ipam := range map[string]any{"absent": nil, "object": m{}, "type": m{"type": ""}} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			result := host.Run("ADD", "net1", conf(t, m{"ipam": ipam})).Result()
			if len(result.IPs) != 0 || !host.MustDevice("net1").Up() {
				t.Errorf("result %+v", result)
			}
		})
	}
}

// What the runtime left open by mistake ends with us.
func TestIPAMInheritsNothingOfTheRuntime(t *testing.T) {
	host := harness.NewHost(t)
	leaked, err := os.Create(filepath.Join(t.TempDir(), "leaked"))
	if err != nil {
		t.Fatal(err)
	}
	defer leaked.Close()
	cmd := host.Command("ADD", "net1", conf(t, fake()))
	cmd.ExtraFiles = []*os.File{leaked}
	host.Finish(cmd).WantOK()
	for _, target := range host.Calls()[0].Descriptors {
		if target == leaked.Name() {
			t.Errorf("the IPAM plugin inherited %s", target)
		}
	}
}
