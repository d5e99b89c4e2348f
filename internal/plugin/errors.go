package plugin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"tap/internal/bpf"
	"tap/internal/ipam"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/selinux"
	"tap/internal/tuntap"
)

// The plugin's own error codes (CNI specification 1.1, section 5, "Error":
// 100 and up). docs/errors.md lists them; a test keeps the two in step.
const (
	codeNameTaken   uint = 100 // an interface already bears the name
	codeDevice      uint = 101 // the kernel refused to make or configure the tap
	codeIPAM        uint = 102 // the IPAM plugin cannot be run, or answered with nothing usable
	codeLayer3      uint = 103 // the kernel refused an address or a route
	codeCheck       uint = 104 // CHECK found differences
	codeLabel       uint = 105 // the SELinux label was refused
	codeBridge      uint = 106 // there is no such bridge, or it does not filter VLANs
	codeInterrupted uint = 107 // told to end by a signal
	codeUnforeseen  uint = 108 // none of the others
	codeBandwidth   uint = 109 // the kernel refused to limit the bandwidth
	codeTakeOver    uint = 110 // the interface cannot be taken over
)

// Causes that only this package knows.
var (
	errNoBridge    = errors.New("no such bridge in the namespace")
	errNoFiltering = errors.New("vlan and vlanTrunk need a bridge that filters VLANs, and this one does not")
	errNoInterface = errors.New("no such interface")
	errNotEthernet = errors.New("it has no Ethernet frames")
	errOneHook     = errors.New("what it sends has no hook")
	errTakenOver   = errors.New("taken over already")
	errOwnAlready  = errors.New("this attachment has it already")
	errMeanwhile   = errors.New("somebody else was at work on it at the same time")
	errLimited     = errors.New("somebody else queues what it sends")
	errIntruder    = errors.New("somebody else attached to the tap before its owner was set")
	errDifferences = errors.New("not as it was made")
	errInterrupted = errors.New("interrupted by a signal")
	errPending     = errors.New("write the result") // nobody reads it, and it may still arrive
)

// Subjects of a step, for [about], where the cause alone does not tell the code.
var (
	errDevice     = errors.New("device")
	errLayer3     = errors.New("addresses and routes")
	errLimit      = errors.New("bandwidth")
	errTakeOver   = errors.New("redirect")
	errNetns      = errors.New("network namespace")
	errFolder     = errors.New("folder of network namespaces")
	errNoBridging = errors.New("kernel without bridges")
	errWrite      = errors.New("write the result")
	errStdin      = errors.New("standard input")
)

// about notes in the chain what a step was about, without a word in the message.
func about(subject, err error) error {
	if err == nil {
		return nil
	}
	return &subjectError{error: err, subject: subject}
}

type subjectError struct {
	error
	subject error
}

func (e *subjectError) Unwrap() []error { return []error{e.error, e.subject} }

// Advice that several verdicts give.
const (
	needNetns     = "CNI_NETNS must lead to a network namespace that exists, such as /run/netns/NAME or /proc/PID/ns/net"
	needFiltering = "let the bridge filter VLANs: ip link set BRIDGE type bridge vlan_filtering 1, in the container's namespace; where that is not supported, the kernel was built without CONFIG_BRIDGE_VLAN_FILTERING, and needs it"
	mayTryAgain   = "what was done is undone, unless the message says otherwise; the runtime may try again"
)

// verdicts give the CNI code and the operator's next step for the first cause
// that is in the chain.
var verdicts = []struct {
	cause   error
	code    uint
	details string
}{
	{ipam.ErrBadResult, codeIPAM, "the IPAM plugin does not answer as the CNI specification demands"},
	{netconf.ErrUndecodable, types.ErrDecodingFailure, "the configuration must be a JSON object as docs/configuration.md describes it"},
	{netns.ErrOwn, types.ErrInvalidNetNS, "CNI_NETNS must name the container's network namespace; CNI_NETNS_OVERRIDE=1 allows the plugin's own"},
	{netns.ErrNotNamespace, types.ErrInvalidNetNS, needNetns},
	{netns.ErrEnter, types.ErrInvalidNetNS, "entering a namespace needs CAP_SYS_ADMIN in the user namespace that owns it, and a free descriptor"},
	{errNetns, types.ErrInvalidNetNS, needNetns},
	{errInterrupted, codeInterrupted, mayTryAgain},
	{ipam.ErrInterrupted, codeInterrupted, mayTryAgain},
	{tuntap.ErrExists, codeNameTaken, "it was left as it was: choose another name, or delete it (the alias that ip link shows says whose a tap is); where an earlier plugin of the chain made it, name the tap with the key tapName"},
	{tuntap.ErrNoDriver, codeDevice, "load the driver: modprobe tun (and mknod /dev/net/tun c 10 200 where udev does not make it)"},
	{tuntap.ErrLacks, codeDevice, "this needs a newer kernel, or a configuration without multiQueue"},
	{errIntruder, types.ErrTryAgainLater, "a process in the namespace opens taps that are not its own; the tap was deleted"},
	{selinux.ErrLabel, codeLabel, "selinuxContext must be a context that the policy knows, and under which the plugin may execute itself and make a tap: the audit log (ausearch -m AVC) names what was denied, docs/selinux.md what to allow"},
	{errNoBridge, codeBridge, "make the bridge in the container's namespace first: another plugin of the chain, or the image's own set-up"},
	{errNoBridging, codeBridge, "load the driver: modprobe bridge"},
	{errNoFiltering, codeBridge, needFiltering},
	{netdev.ErrNoVLANFiltering, codeBridge, needFiltering},
	{errNoInterface, codeTakeOver, "redirect takes over the interface that CNI_IFNAME names: a plugin before this one in the chain must make it"},
	{errNotEthernet, codeTakeOver, "the guest of a tap has an Ethernet card: redirect works with interfaces such as veth, macvlan and physical ones"},
	{errOneHook, codeTakeOver, "redirect needs the qdisc clsact, which excludes the qdisc ingress; whoever made that one may use clsact instead, where its filters work as well"},
	{errTakenOver, codeTakeOver, "an interface has one guest: DEL the attachment that the message names, or delete its filters (tc filter show dev INTERFACE ingress)"},
	{errOwnAlready, codeTakeOver, "DEL it before it is added again; where the chain has two entries of tap with redirect, remove one"},
	{errMeanwhile, codeTakeOver, mayTryAgain},
	{errLimited, codeBandwidth, "bandwidth.egressRate of a tap with redirect is the interface's root qdisc: leave the limit to whoever made the one that is there"},
	{bpf.ErrUnsupported, codeTakeOver, "redirect needs a kernel with CONFIG_BPF_SYSCALL"},
	{ipam.ErrNotFound, codeIPAM, "install the IPAM plugin into one of the folders of CNI_PATH, which the message lists"},
	{ipam.ErrTimeLimit, codeIPAM, "the IPAM plugin hangs: find out what it waits for (a lock, a server that does not answer); its own words are on standard error, in the runtime's log"},
	{ipam.ErrSelf, types.ErrInvalidNetworkConfig, "ipam.type must name an IPAM plugin such as host-local, static or dhcp"},
	{errWrite, types.ErrIOFailure, "the runtime did not take the result; what was done is undone, unless the message says otherwise"},
	{errStdin, types.ErrIOFailure, "the runtime closed standard input too early"},
	{errDifferences, codeCheck, "delete the attachment and add it again, or find out who changed it"},
	{errLayer3, codeLayer3, "correct the IPAM configuration: the message names the address or the route"},
	{errLimit, codeBandwidth, "limits need the kernel's modules sch_tbf, and for egress ifb, sch_ingress, cls_u32 and act_mirred (modprobe loads them)"},
	{errTakeOver, codeTakeOver, "redirect needs the kernel's modules sch_ingress and cls_bpf (modprobe loads them), and CAP_BPF or CAP_SYS_ADMIN, which the root of a user namespace does not have there"},
	{errFolder, types.ErrIOFailure, "namespaces are sought in /run/netns, /var/run/netns and the folders of netnsDirs, which must be no links"},
	{errDevice, codeDevice, "tap needs CAP_NET_ADMIN, /dev/net/tun (modprobe tun) and a kernel that takes the values of the configuration"},
}

// cniError turns what the packages below report into the one error that the
// runtime reads: code, what was attempted on what, and what to do about it.
func cniError(err error) error {
	if err == nil {
		return nil
	}
	// errors.Join puts each of its errors on a line; a runtime's log has one.
	msg := strings.ReplaceAll(err.Error(), "\n", "; ")
	var key *netconf.KeyError
	if errors.As(err, &key) {
		return types.NewError(types.ErrInvalidNetworkConfig, msg, "allowed is "+key.Allowed)
	}
	var variable *netconf.VarError
	if errors.As(err, &variable) {
		return types.NewError(types.ErrInvalidEnvironmentVariables, msg, variable.Advice)
	}
	var unknown *netconf.VersionError
	if errors.As(err, &unknown) {
		return types.NewError(types.ErrIncompatibleCNIVersion, msg,
			fmt.Sprintf("the plugin knows %s; CHECK needs 0.4.0 or later, STATUS and GC need 1.1.0", strings.Join(version.All.SupportedVersions(), ", ")))
	}
	for _, v := range verdicts {
		if errors.Is(err, v.cause) {
			return types.NewError(v.code, msg, v.details)
		}
	}
	var theirs *ipam.Error
	if errors.As(err, &theirs) {
		code, details := codeIPAM, "look for the IPAM plugin's own words on standard error, in the runtime's log"
		if theirs.Reported != nil && theirs.Reported.Code != 0 {
			code = theirs.Reported.Code
		}
		if theirs.Reported != nil && theirs.Reported.Details != "" {
			details = theirs.Reported.Details
		}
		return types.NewError(code, msg, details)
	}
	return types.NewError(codeUnforeseen, msg, "the message has all that is known; the host may be short of memory or descriptors")
}
