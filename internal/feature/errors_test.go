package feature

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/internal/bpf"
	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/plan"
	"tap/internal/selinux"
	"tap/internal/tuntap"
)

// ownNetns is the path of the network namespace of the test process.
const ownNetns = "/proc/thread-self/ns/net"

// sandboxOf opens a namespace. Opening needs no privilege, entering does.
func sandboxOf(t *testing.T, path string) *netns.Sandbox {
	t.Helper()
	sandbox, err := netns.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sandbox.Close)
	return sandbox
}

// openError returns the error of OpenSandbox.
func openError(t *testing.T, path string) error {
	t.Helper()
	sandbox, err := OpenSandbox(&netconf.Config{Netns: path})
	if err == nil {
		sandbox.Close()
		t.Fatalf("OpenSandbox(%s)\nwant an error\ngot  none", path)
	}
	return err
}

// refuseBridge returns the error of the feature port for a configuration and the interface that
// has the name of the bridge.
func refuseBridge(asked netconf.Tap, bridge *netdev.Link) error {
	return (&port{bridge: bridge}).validate(&Attachment{Conf: &netconf.Config{Tap: asked}})
}

// redirected returns an attachment with redirect of the interface eth0.
func redirected(bandwidth netconf.Bandwidth) *Attachment {
	return newAttachment(&netconf.Config{
		Network: "vms", ContainerID: "0123abcd", IfName: "eth0", Netns: "/run/netns/pod",
		Tap: netconf.Tap{Name: "tap-eth0", Redirect: true, Bandwidth: bandwidth},
	}, nil, nil)
}

// queuedError returns the error of a limit of egress on an interface whose root qdisc another
// program made.
func queuedError(t *testing.T) error {
	t.Helper()
	a := redirected(netconf.Bandwidth{Egress: netconf.Limit{Rate: 20_000_000, Burst: 800_000}})
	r := &redirect{iface: &netdev.Link{Index: 5, Name: "eth0", Ethernet: true, MTU: 1500}, rootQdisc: "pfifo"}
	if err := r.plan(a); err != nil {
		t.Fatal(err)
	}
	return planBandwidth(a)
}

// lockError returns the error of an interface that another ADD has locked.
func lockError(t *testing.T) error {
	t.Helper()
	link := &netdev.Link{Index: os.Getpid()}
	a := redirected(netconf.Bandwidth{})
	t.Cleanup(a.Close)
	if err := lockInterface(a, link); err != nil {
		t.Fatal(err)
	}
	return redirectError(a, lockInterface(redirected(netconf.Bandwidth{}), link))
}

// loadError returns the error of a filter whose program the kernel refuses with err.
func loadError(t *testing.T, err error) error {
	t.Helper()
	refuse := func(*netdev.Link) (*bpf.Program, error) { return nil, err }
	all, loadErr := redirected(netconf.Bandwidth{}).loadHooks(plan.TC{Hooks: []plan.Hook{
		{At: netdev.EgressHook, Device: plan.Interface, Load: refuse, By: plan.Need{Key: "redirect", Kind: redirectKind}},
	}})
	all.close()
	return loadErr
}

func interruptedError() error {
	ctx, end := context.WithCancelCause(context.Background())
	end(errors.New("terminated"))
	return cni.Interrupted(ctx)
}

// The code and the advice for each kind of cause. Operators search for the texts, and
// docs/errors.md explains the codes.
func TestCNIErrorCodes(t *testing.T) {
	const (
		netnsAdvice     = "CNI_NETNS must be the path of an existing network namespace, such as /run/netns/NAME or /proc/PID/ns/net"
		enterAdvice     = "entering a namespace needs CAP_SYS_ADMIN in the user namespace that owns it, and a free descriptor"
		ownAdvice       = "pass the container's network namespace in CNI_NETNS; CNI_NETNS_OVERRIDE=1 allows the plugin's own"
		takenAdvice     = "choose another name, or delete the interface, which is unchanged (its alias in ip link names the attachment); if an earlier plugin of the chain created it, set tapName"
		sysctlAdvice    = "mount /proc/sys writable in the mount namespace of the runtime; the file in the message is a setting that protects the pod from the guest"
		changedAdvice   = "mount /proc/sys, or find the process that renamed the tap or changed its MTU during ADD"
		timeLimitAdvice = "try again; if it fails again, find the process in the namespace that creates devices, filters or routes all the time"
		deviceAdvice    = "tap needs CAP_NET_ADMIN, /dev/net/tun (modprobe tun) and a kernel that accepts the values of the configuration"
		driverAdvice    = "load the driver: modprobe tun (without udev also: mknod /dev/net/tun c 10 200)"
		oldDriverAdvice = "use a newer kernel, or remove multiQueue"
		intruderAdvice  = "try again, and find the process in the namespace that attaches to taps of others; the tap was deleted"
		labelAdvice     = "selinuxContext must be a context that the policy knows and that may execute the plugin and create a tap: ausearch -m AVC shows what was denied, docs/selinux.md what to allow"
		bridgeAdvice    = "create the bridge in the container's namespace before ADD, by an earlier plugin of the chain or in the set-up of the image"
		noBridgesAdvice = "load the driver: modprobe bridge"
		filteringAdvice = "in the container's namespace: ip link set BRIDGE type bridge vlan_filtering 1; if that is not supported, use a kernel with CONFIG_BRIDGE_VLAN_FILTERING"
		layer3Advice    = "correct the IPAM configuration: the message names the address or route"
		limitAdvice     = "limits need the kernel modules sch_tbf and, for egress, ifb, sch_ingress, cls_u32 and act_mirred (modprobe loads them)"
		limitedAdvice   = "with redirect, bandwidth.egressRate needs the root qdisc of the interface: remove the key, and set the limit in the existing qdisc"
		interfaceAdvice = "put the plugin that creates the interface CNI_IFNAME before this one in the chain"
		ethernetAdvice  = "use an Ethernet interface (veth, macvlan, a physical one): the guest has an Ethernet card"
		oneHookAdvice   = "replace the qdisc ingress by clsact, which excludes it: its filters work there as well"
		guestAdvice     = "an interface has one guest: DEL the attachment that the message names, or delete its filters (tc filter show dev INTERFACE ingress)"
		againAdvice     = "DEL the attachment before it is added again; if the chain has two entries of tap with redirect, remove one"
		redirectAdvice  = "redirect needs the kernel modules sch_ingress and cls_bpf (modprobe loads them), and CAP_BPF or CAP_SYS_ADMIN, which root of a user namespace does not have"
		bpfAdvice       = "redirect needs a kernel with CONFIG_BPF_SYSCALL"
		tryAgainAdvice  = "the runtime may try again; ADD was undone unless the message says otherwise"
		unknownAdvice   = "see the message for the cause; the host may be short of memory or file descriptors"
	)
	cause := errors.New("the kernel's words")
	plainFile := filepath.Join(t.TempDir(), "netns")
	if err := os.WriteFile(plainFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	enterError := fmt.Errorf("network namespace %w: %w", netns.ErrEnter, cause)
	cannotEnter := func(func() error) error { return enterError }
	restricted := plan.Device{MultiQueue: true, Owner: ptr(uint32(1000))}
	notEthernet := &redirect{iface: &netdev.Link{Name: "wg0"}}
	vlan := netconf.Tap{Bridge: "br0", VLANs: netconf.VLANs{Native: 100}}
	a := redirected(netconf.Bandwidth{})
	tests := []struct {
		name   string
		err    error
		code   uint
		advice string
	}{
		{"no such namespace", openError(t, "/nonexistent"), 8, netnsAdvice},
		{"plain file instead of a namespace", openError(t, plainFile), 8, netnsAdvice},
		{"namespace of another kind", openError(t, "/proc/self/ns/uts"), 8, netnsAdvice},
		{"namespace cannot be opened", NetnsError(cause), 8, netnsAdvice},
		{"own namespace", openError(t, ownNetns), 8, ownAdvice},
		{"namespace cannot be entered", enter(cannotEnter, nil), 8, enterAdvice},
		{"namespace cannot be entered, by STATUS", NetnsError(enterError), 8, enterAdvice},

		{"name taken", tunError(fmt.Errorf("TUNSETIFF: %w; %w", cause, tuntap.ErrExists)), 100, takenAdvice},
		{"no driver", tunError(fmt.Errorf("open: %w: %w", cause, tuntap.ErrNoDriver)), 101, driverAdvice},
		{"old driver", tunError(fmt.Errorf("TUNGETFEATURES: %w", tuntap.ErrUnsupported)), 101, oldDriverAdvice},
		{"other error of the driver", tunError(cause), 101, deviceAdvice},
		{"device", deviceKind.Wrap(cause), 101, deviceAdvice},
		{"device of another kind", checkExclusive(&restricted, &netdev.Link{Name: "net1", Kind: "veth"}), 101, deviceAdvice},
		{"another process attached", checkExclusive(&restricted, &netdev.Link{Tun: &netdev.Tun{Tap: true, Queues: 2}}), 11, intruderAdvice},
		{"IPv6 sysctl", sysctlKind.Wrap(cause), 101, sysctlAdvice},
		{"IPv6 sysctl is missing", changedKind.Wrap(cause), 101, changedAdvice},
		{"incomplete list", listError(redirectKind, fmt.Errorf("list qdiscs: %w", netdev.ErrIncomplete)), 11, timeLimitAdvice},
		{"list", listError(redirectKind, cause), 110, redirectAdvice},
		{"time limit", TimeLimit(-1)(), 11, timeLimitAdvice},
		{"time limit, also error of a device", deviceKind.Wrap(TimeLimit(-1)()), 11, timeLimitAdvice},
		{"SELinux label", labelKind.Wrap(fmt.Errorf("%w: %w", selinux.ErrLabel, cause)), 105, labelAdvice},

		{"no bridge", refuseBridge(netconf.Tap{Bridge: "br0"}, nil), 106, bridgeAdvice},
		{"bridge is another device", refuseBridge(netconf.Tap{Bridge: "br0"}, &netdev.Link{Kind: "veth"}), 106, bridgeAdvice},
		{"bridge does not filter VLANs", refuseBridge(vlan, &netdev.Link{Bridge: &netdev.Bridge{}}), 106, filteringAdvice},
		{"kernel cannot filter VLANs", filteringKind.Wrap(fmt.Errorf("%w: %w", netdev.ErrNoVLANFiltering, cause)), 106, filteringAdvice},
		{"kernel without bridges", bridgeDriverKind.Wrap(cause), 106, noBridgesAdvice},

		{"addresses and routes", layer3Kind.Wrap(cause), 103, layer3Advice},
		{"bandwidth", bandwidthKind.Wrap(cause), 109, limitAdvice},
		{"root qdisc of another program on the interface", queuedError(t), 109, limitedAdvice},

		{"no interface for redirect", (&redirect{}).lockAndValidate(a), 110, interfaceAdvice},
		{"interface without Ethernet", notEthernet.lockAndValidate(a), 110, ethernetAdvice},
		{"qdisc ingress on the interface", redirectError(a, fmt.Errorf("%w: qdisc ingress", errNoClsact)), 110, oneHookAdvice},
		{"interface has another guest", redirectError(a, fmt.Errorf("%w by tap/vms/x/eth0", errRedirected)), 110, guestAdvice},
		{"interface has this guest", redirectError(a, errOwnFilters), 110, againAdvice},
		{"interface is locked by another ADD", lockError(t), 110, tryAgainAdvice},
		{"qdisc was made concurrently", concurrentChange(redirectNeed, cause), 110, tryAgainAdvice},
		{"kernel without BPF", loadError(t, fmt.Errorf("load: %w: %w", bpf.ErrUnsupported, cause)), 110, bpfAdvice},
		{"kernel refused the program", loadError(t, cause), 110, redirectAdvice},
		{"kernel refused the filter", redirectKind.Wrap(cause), 110, redirectAdvice},

		{"signal", interruptedError(), 107, tryAgainAdvice},
		{"any other error", cause, 108, unknownAdvice},

		{"name taken, also error of a device", deviceKind.Wrap(tunError(tuntap.ErrExists)), 100, takenAdvice},
		{"label, also error of a device", deviceKind.Wrap(labelKind.Wrap(selinux.ErrLabel)), 105, labelAdvice},
		{"filtering, also error of a device", deviceKind.Wrap(filteringKind.Wrap(netdev.ErrNoVLANFiltering)), 106, filteringAdvice},
		{"own namespace, also error of a namespace", netnsKind.Wrap(openError(t, ownNetns)), 8, ownAdvice},
		{"namespace cannot be entered, also error of a device", deviceKind.Wrap(enter(cannotEnter, nil)), 8, enterAdvice},
		{"key, also error of addresses", layer3Kind.Wrap(&netconf.KeyError{Key: "mtu", Value: "1279", Allowed: "1280 or more"}), 7, "allowed: 1280 or more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := cni.Render(fmt.Errorf("attempt on something: %w", tt.err))
			if got.Code != tt.code {
				t.Errorf("code\nwant %d\ngot  %d", tt.code, got.Code)
			}
			if got.Details != tt.advice {
				t.Errorf("details\nwant %s\ngot  %s", tt.advice, got.Details)
			}
			if want := "attempt on something: " + tt.err.Error(); got.Msg != strings.ReplaceAll(want, "\n", "; ") {
				t.Errorf("msg\nwant %s\ngot  %s", want, got.Msg)
			}
		})
	}
}

// CHECK reads the limit of the interface on behalf of redirect, and the limits of the devices
// that ADD made as a part of the tap.
func TestReadKind(t *testing.T) {
	a := redirected(netconf.Bandwidth{})
	if err := newRedirect().Plan(a); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[plan.Role]cni.Kind{plan.Interface: redirectKind, plan.Tap: deviceKind, plan.Egress: deviceKind} {
		if got := readKind(ref, a.Want.Device(ref)); got != want {
			t.Errorf("readKind of device %d\nwant %v\ngot  %v", ref, want, got)
		}
	}
}

func TestRefuseOwn(t *testing.T) {
	for _, tt := range []struct {
		name, netns string
		allowed     bool
		refused     bool
	}{
		{"own namespace", ownNetns, false, true},
		{"own namespace, allowed", ownNetns, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := RejectOwnNetns(&netconf.Config{Netns: tt.netns, OwnNetnsAllowed: tt.allowed}, sandboxOf(t, tt.netns))
			if got := errors.Is(err, netns.ErrOwn); got != tt.refused || !tt.refused && err != nil {
				t.Errorf("RejectOwnNetns\nwant refused: %v\ngot  %v", tt.refused, err)
			}
		})
	}
}

func TestOpenSandboxOwnAllowed(t *testing.T) {
	sandbox, err := OpenSandbox(&netconf.Config{Netns: ownNetns, OwnNetnsAllowed: true})
	if err != nil {
		t.Fatalf("OpenSandbox\nwant no error\ngot  %v", err)
	}
	sandbox.Close()
}
