package verb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
	"tap/internal/netconf"
)

// What a verb decides before it needs a privilege; the rest is tested in test/, on real namespaces.

// callIn is a runtime's call for the network "vms" with more keys, in a namespace.
func callIn(netns, members string) *netconf.Args {
	return &netconf.Args{
		ContainerID: "0123abcd", Netns: netns, IfName: "net1",
		StdinData: []byte(`{"cniVersion": "1.1.0", "name": "vms", "type": "tap"` + members + `}`),
	}
}

const (
	ownNetns  = "/proc/thread-self/ns/net"
	anyIPAM   = `, "ipam": {"type": "fake"}`
	anyResult = `, "prevResult": {"interfaces": [{"name": "net1"}]}`
)

// plainFile is what a dead mount of a namespace leaves.
func plainFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "netns")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAddAndCheckRefuseBeforeTheyTouchAnything(t *testing.T) {
	tests := []struct {
		name, netns, members string
		code                 uint
		msg                  string
	}{
		{"configuration", "/nonexistent", `, "mtu": 5`, types.ErrInvalidNetworkConfig, "mtu"},
		{"IPAM plugin not installed", "/nonexistent", anyIPAM + anyResult, cni.CodeIPAM, `"fake"`},
		{"no namespace", "/nonexistent", anyResult, types.ErrInvalidNetNS, "/nonexistent"},
		{"a plain file", plainFile(t), anyResult, types.ErrInvalidNetNS, "not a network namespace"},
		{"the plugin's own namespace", ownNetns, anyResult, types.ErrInvalidNetNS, "own network namespace"},
	}
	for _, tt := range tests {
		verbs := map[string]func(*netconf.Args) error{
			"ADD":   func(args *netconf.Args) error { return Add(args, cni.FDWriter(-1)) },
			"CHECK": Check,
		}
		for verb, run := range verbs {
			t.Run(verb+"/"+tt.name, func(t *testing.T) {
				wantCode(t, run(callIn(tt.netns, tt.members)), tt.code, tt.msg)
			})
		}
	}
}

func TestCheckWithoutPrevResultIsRefused(t *testing.T) {
	wantCode(t, Check(callIn(ownNetns, "")), types.ErrInvalidNetworkConfig, "prevResult")
}

func TestDelWhereNoDeviceOfOursCanBe(t *testing.T) {
	tests := []struct{ name, netns string }{
		{"no namespace named", ""},
		{"namespace gone", "/nonexistent"},
		{"below a file", filepath.Join(plainFile(t), "ns")},
		{"a plain file", plainFile(t)},
		{"a namespace of another kind", "/proc/self/ns/uts"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Del(callIn(tt.netns, "")); err != nil {
				t.Errorf("Del\nwant no error\ngot  %v", err)
			}
			wantTold(t, "DEL", Del, callIn(tt.netns, anyIPAM))
			wantCode(t, Del(callIn(tt.netns, anyIPAM)), cni.CodeIPAM, `"fake"`) // not installed
		})
	}
}

func TestDelOwnNamespaceReleasesIPAMAllTheSame(t *testing.T) {
	wantCode(t, Del(callIn(ownNetns, "")), types.ErrInvalidNetNS, "own network namespace")
	wantTold(t, "DEL", Del, callIn(ownNetns, anyIPAM))
}

func TestDelUndecodableIsRefused(t *testing.T) {
	wantCode(t, Del(callIn("", `, "cniVersion": 5`)), types.ErrDecodingFailure, "cniVersion")
}

func TestDelReleasesWhateverElseFails(t *testing.T) {
	if err := withIPAM(t, Del, callIn("", anyIPAM+`, "prevResult": 5`)); err != nil {
		t.Errorf("Del: prevResult is but a hint\nwant no error\ngot  %v", err)
	}
	wantTold(t, "DEL", Del, callIn("", anyIPAM+`, "prevResult": 5`))
}

func TestCheckAsksTheIPAMPluginToo(t *testing.T) {
	wantTold(t, "CHECK", Check, callIn("/nonexistent", anyIPAM+anyResult))
}

func TestStatusOfAConfigurationThatNoADDTakes(t *testing.T) {
	wantCode(t, Status(callIn("", `, "mtu": 5`)), types.ErrPluginNotAvailable, "mtu")
}

// withIPAM runs a verb with an IPAM plugin that notes beside itself what it is told.
func withIPAM(t *testing.T, verb func(*netconf.Args) error, call *netconf.Args) error {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fake"), []byte("#!/bin/sh\necho $CNI_COMMAND >"+dir+"/told\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	call.Path = dir
	return verb(call)
}

// wantTold checks that a verb tells the IPAM plugin, whatever else it reports.
func wantTold(t *testing.T, command string, verb func(*netconf.Args) error, call *netconf.Args) {
	t.Helper()
	err := withIPAM(t, verb, call)
	told, readErr := os.ReadFile(filepath.Join(call.Path, "told"))
	if string(told) != command+"\n" {
		t.Errorf("what the IPAM plugin was told\nwant %s\ngot  %q, %v (%v)", command, told, readErr, err)
	}
}

func wantCode(t *testing.T, err error, code uint, msg string) {
	t.Helper()
	got := cni.Render(err)
	if got == nil {
		t.Fatalf("error\nwant code %d\ngot  %v", code, err)
	}
	if got.Code != code || !strings.Contains(got.Msg, msg) {
		t.Errorf("error\nwant code %d: …%s…\ngot  code %d: %s", code, msg, got.Code, got.Msg)
	}
}

func TestGCWithoutAttachmentsIsRefused(t *testing.T) {
	wantCode(t, GC(callIn("", "")), types.ErrInvalidNetworkConfig, "cni.dev/valid-attachments")
}

func TestGCRefusesBeforeItLooks(t *testing.T) {
	wantCode(t, GC(callIn("", `, "cni.dev/valid-attachments": [], "netnsDirs": "x"`)), types.ErrInvalidNetworkConfig, "netnsDirs")
	wantCode(t, GC(callIn("", `, "cni.dev/valid-attachments": 5`)), types.ErrInvalidNetworkConfig, "cni.dev/valid-attachments")
}
