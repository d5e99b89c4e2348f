package plugin

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/bpf"
	"tap/internal/ipam"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/selinux"
	"tap/internal/tuntap"
)

// firstOwnCode is where a plugin's own codes begin (CNI specification 1.1, section 5).
const firstOwnCode = 100

// wantCNI returns the *types.Error that cniError makes of an error, or fails.
func wantCNI(t *testing.T, err error) *types.Error {
	t.Helper()
	var got *types.Error
	if !errors.As(cniError(err), &got) {
		t.Fatalf("cniError(%v)\nwant a *types.Error\ngot  %T", err, cniError(err))
	}
	return got
}

func TestCNIErrorOfNothingIsNothing(t *testing.T) {
	if err := cniError(nil); err != nil {
		t.Errorf("cniError(nil)\nwant nil\ngot  %v", err)
	}
	if err := cniError(errors.Join(nil, nil)); err != nil {
		t.Errorf("cniError(errors.Join(nil, nil))\nwant nil\ngot  %v", err)
	}
}

func TestCNIErrorCodes(t *testing.T) {
	cause := errors.New("the kernel's words")
	tests := []struct {
		name    string
		err     error
		code    uint
		details string
	}{
		{"stdin is no JSON", fmt.Errorf("%w: %w", netconf.ErrUndecodable, cause), 6, "JSON object"},
		{"key", &netconf.KeyError{Key: "mtu", Value: "5", Allowed: "68 or more", Err: cause}, 7, "allowed is 68 or more"},
		{"environment", &netconf.VarError{Var: "CNI_IFNAME", Value: "a/b", Advice: "choose another", Err: cause}, 4, "choose another"},
		{"own namespace", fmt.Errorf("%w: %w", netns.ErrOwn, cause), 8, "CNI_NETNS_OVERRIDE"},
		{"no namespace", fmt.Errorf("%w: %w", netns.ErrNotNamespace, cause), 8, "CNI_NETNS"},
		{"namespace cannot be opened", about(errNetns, cause), 8, "CNI_NETNS"},
		{"namespace that does not let us in", about(errDevice, fmt.Errorf("%w: %w", netns.ErrEnter, cause)), 8, "CAP_SYS_ADMIN"},
		{"result not taken", about(errWrite, cause), 5, "undone"},
		{"intruder", fmt.Errorf("%w: %w", errIntruder, cause), 11, "deleted"},
		{"IPAM is ourselves", fmt.Errorf("%w: %w", ipam.ErrSelf, cause), 7, "ipam.type"},
		{"name taken", fmt.Errorf("TUNSETIFF: %w; %w", cause, tuntap.ErrExists), 100, "left as it was"},
		{"device", about(errDevice, cause), 101, "CAP_NET_ADMIN"},
		{"IPAM not found", fmt.Errorf("%w: %w", ipam.ErrNotFound, cause), 102, "CNI_PATH"},
		{"IPAM without result", &ipam.Error{Plugin: "fake", Verb: "ADD", Err: fmt.Errorf("%w: %w", ipam.ErrBadResult, cause)}, 102, "does not answer"},
		{"IPAM died", &ipam.Error{Plugin: "fake", Verb: "ADD", Err: cause}, 102, "standard error"},
		{"addresses and routes", about(errLayer3, cause), 103, "IPAM"},
		{"bandwidth", about(errLimit, cause), 109, "sch_tbf"},
		{"no driver", about(errDevice, tuntap.ErrNoDriver), 101, "modprobe tun"},
		{"old driver", about(errDevice, tuntap.ErrLacks), 101, "newer kernel"},
		{"kernel without bridges", about(errNoBridging, cause), 106, "modprobe bridge"},
		{"folder of namespaces", about(errFolder, cause), 5, "netnsDirs"},
		{"differences", fmt.Errorf("%w: %w", errDifferences, cause), 104, "again"},
		{"label", fmt.Errorf("%w: %w", selinux.ErrLabel, cause), 105, "selinuxContext"},
		{"no bridge", fmt.Errorf("%w: %w", errNoBridge, cause), 106, "bridge"},
		{"bridge that does not filter VLANs", fmt.Errorf("bridge %q: %w", "br0", errNoFiltering), 106, "ip link set BRIDGE type bridge vlan_filtering 1"},
		{"kernel that cannot filter VLANs", about(errDevice, netdev.ErrNoVLANFiltering), 106, "CONFIG_BRIDGE_VLAN_FILTERING"},
		{"no interface to take over", fmt.Errorf("interface %q: %w", "eth0", errNoInterface), 110, "before this one"},
		{"interface without Ethernet", fmt.Errorf("interface %q: %w", "wg0", errNotEthernet), 110, "veth"},
		{"qdisc ingress on the interface", about(errTakeOver, errOneHook), 110, "clsact"},
		{"interface that has a guest", about(errTakeOver, errTakenOver), 110, "one guest"},
		{"interface that has this guest", about(errTakeOver, errOwnAlready), 110, "two entries"},
		{"root qdisc on the interface", about(errTakeOver, errLimited), 109, "egressRate"},
		{"kernel without BPF", about(errTakeOver, bpf.ErrUnsupported), 110, "CONFIG_BPF_SYSCALL"},
		{"filters refused", about(errTakeOver, cause), 110, "cls_bpf"},
		{"signal", fmt.Errorf("%w: %w", errInterrupted, cause), 107, "undone"},
		{"signal while IPAM ran", &ipam.Error{Plugin: "fake", Verb: "ADD", Err: fmt.Errorf("%w: %w", ipam.ErrInterrupted, cause)}, 107, "undone"},

		{"name taken, as a device's error", about(errDevice, tuntap.ErrExists), 100, "left as it was"},
		{"label, as a device's error", about(errDevice, selinux.ErrLabel), 105, "selinuxContext"},
		{"own namespace, as a namespace's error", about(errNetns, netns.ErrOwn), 8, "CNI_NETNS_OVERRIDE"},
		{"key and what came of the undo", errors.Join(&netconf.KeyError{Key: "mtu", Value: "1279", Allowed: "1280 or more"}, fmt.Errorf("undo: %w", cause)), 7, "1280 or more"},
		{"anything else", cause, 108, "short of memory"},
	}
	covered := map[uint]bool{}
	for _, tt := range tests {
		covered[tt.code] = true
		t.Run(tt.name, func(t *testing.T) {
			got := wantCNI(t, fmt.Errorf("attempt on something: %w", tt.err))
			if got.Code != tt.code {
				t.Errorf("code\nwant %d\ngot  %d", tt.code, got.Code)
			}
			if !strings.Contains(got.Details, tt.details) {
				t.Errorf("details\nwant …%s…\ngot  %s", tt.details, got.Details)
			}
			if want := "attempt on something: " + tt.err.Error(); got.Msg != strings.ReplaceAll(want, "\n", "; ") {
				t.Errorf("msg\nwant %s\ngot  %s", want, got.Msg)
			}
		})
	}
	for _, v := range verdicts {
		if !covered[v.code] {
			t.Errorf("verdict of %q\nwant a case with its code above\ngot  none of %d", v.cause, v.code)
		}
	}
}

func TestAboutAddsNoWords(t *testing.T) {
	cause := errors.New("the kernel's words")
	err := fmt.Errorf("attempt: %w", about(errDevice, cause))
	if !errors.Is(err, errDevice) || !errors.Is(err, cause) {
		t.Errorf("chain\nwant subject and cause\ngot  %v", err)
	}
	if want := "attempt: the kernel's words"; err.Error() != want {
		t.Errorf("text\nwant %s\ngot  %s", want, err)
	}
	if err := about(errDevice, nil); err != nil {
		t.Errorf("about nothing\nwant nil\ngot  %v", err)
	}
}

func TestVerdictsAlwaysTellWhatToDo(t *testing.T) {
	for _, v := range verdicts {
		if v.details == "" {
			t.Errorf("details of code %d (%v)\nwant the operator's next step\ngot  nothing", v.code, v.cause)
		}
		if v.code == 0 || v.code == types.ErrInternal {
			t.Errorf("code of %v\nwant one that says something\ngot  %d", v.cause, v.code)
		}
	}
}

func TestCNIErrorIsOneLine(t *testing.T) {
	first, undo := about(errDevice, errors.New("configure: no")), errors.New("undo: delete device 7: busy")
	got := wantCNI(t, errors.Join(first, undo))

	if want := "configure: no; undo: delete device 7: busy"; got.Msg != want {
		t.Errorf("msg\nwant %s\ngot  %s", want, got.Msg)
	}
}

func TestCNIErrorKeepsWhatTheIPAMPluginReported(t *testing.T) {
	tests := []struct {
		name     string
		reported types.Error
	}{
		{"a code of the specification", types.Error{Code: 11, Msg: "no free address", Details: "ask again"}},
		{"its own code", types.Error{Code: 123, Msg: "lease file locked", Details: "by 42"}},
		{"several lines", types.Error{Code: 7, Msg: "range:\n10.0.0.0/8", Details: "d"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := wantCNI(t, errors.Join(&ipam.Error{Plugin: "fake", Verb: "ADD", Reported: &tt.reported}, errors.New("undo: no")))
			if got.Code != tt.reported.Code || got.Details != tt.reported.Details {
				t.Errorf("code and details\nwant %d, %q\ngot  %d, %q", tt.reported.Code, tt.reported.Details, got.Code, got.Details)
			}
			if want := `IPAM plugin "fake": ADD: ` + strings.ReplaceAll(tt.reported.Msg, "\n", "; ") + "; undo: no"; got.Msg != want {
				t.Errorf("msg\nwant %s\ngot  %s", want, got.Msg)
			}
		})
	}
}

func TestCNIErrorOfAnIPAMPluginWithoutDetails(t *testing.T) {
	got := wantCNI(t, &ipam.Error{Plugin: "fake", Verb: "ADD", Reported: &types.Error{Code: 999, Msg: "sorry"}})
	if got.Code != 999 || !strings.Contains(got.Details, "standard error") {
		t.Errorf("code and details\nwant 999, and where to look\ngot  %d, %q", got.Code, got.Details)
	}
}

// The words that an IPAM plugin printed are undecodable, not the configuration.
func TestCNIErrorOfAnUndecodableIPAMResult(t *testing.T) {
	_, decoding := netconf.DecodeResult([]byte("hello"), "1.1.0")
	got := wantCNI(t, &ipam.Error{Plugin: "fake", Verb: "ADD", Err: fmt.Errorf("%w: %w", ipam.ErrBadResult, decoding)})
	if got.Code != codeIPAM {
		t.Errorf("code\nwant %d\ngot  %d (%s)", codeIPAM, got.Code, got.Details)
	}
}

func TestCNIErrorOfAnIPAMPluginWithoutCode(t *testing.T) {
	got := wantCNI(t, &ipam.Error{Plugin: "fake", Verb: "ADD", Reported: &types.Error{Msg: "no"}})
	if got.Code != codeIPAM || got.Details == "" {
		t.Errorf("code and details\nwant %d, and some\ngot  %d, %q", codeIPAM, got.Code, got.Details)
	}
}

func TestOwnCodesAreOwn(t *testing.T) {
	codes := []uint{codeNameTaken, codeDevice, codeIPAM, codeLayer3, codeCheck, codeLabel, codeBridge, codeInterrupted}
	for i, code := range codes {
		if want := uint(firstOwnCode + i); code != want {
			t.Errorf("code, which docs/errors.md promises\nwant %d\ngot  %d", want, code)
		}
	}
}

func TestShorten(t *testing.T) {
	long := strings.Repeat("é", 10000)
	tests := []struct{ name, text, want string }{
		{"empty", "", ""},
		{"what a person reads", strings.Repeat("x", 4096), strings.Repeat("x", 4096)},
		{"more", "begin " + strings.Repeat("x", 10000) + " end", "begin " + strings.Repeat("x", 3072-6) + " … " + strings.Repeat("x", 1024-4) + " end"},
		{"between two bytes of a letter", "x" + long + "y", "x" + long[:3072-2] + " … " + long[:1024-2] + "y"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := shorten(tt.text); got != tt.want {
				t.Errorf("shorten\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}
