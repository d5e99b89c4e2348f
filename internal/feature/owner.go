package feature

import (
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/netdev"
	"tap/internal/plan"
)

var (
	labelKind = cni.Kind{Code: cni.CodeLabel, Advice: "selinuxContext must be a context that the policy knows, and under which the plugin may execute itself and make a tap: the audit log (ausearch -m AVC) names what was denied, docs/selinux.md what to allow"}

	errForeignQueue = cni.Kind{Code: types.ErrTryAgainLater, Advice: "a process in the namespace opens taps that are not its own; the tap was deleted"}.
			New("somebody else attached to the tap before its owner was set")
)

// checkExclusive refuses a device that was restricted to an owner or a group after
// somebody else had attached to it, as only a multi-queue tap allows: an
// attached process keeps its queue, and may have changed the owner as well.
func checkExclusive(want *plan.Device, link *netdev.Link) error {
	tun := link.Tun
	if tun == nil || !tun.Tap {
		return deviceKind.Wrap(fmt.Errorf("%q is a device of another kind: %q", link.Name, link.Kind))
	}
	if !want.Exposed() {
		return nil
	}
	if tun.Queues != 1 || tun.Disabled != 0 || tun.Persistent || !sameID(tun.Owner, want.Owner) || !sameID(tun.Group, want.Group) {
		return fmt.Errorf("%w: %d queues instead of 1, owner %s, group %s",
			errForeignQueue, tun.Queues+tun.Disabled, plan.IDText(tun.Owner), plan.IDText(tun.Group))
	}
	return nil
}

// randomMAC draws a unicast address of local administration (IEEE 802, section 8.4).
func randomMAC() (net.HardwareAddr, error) {
	mac := make(net.HardwareAddr, 6)
	if _, err := unix.Getrandom(mac, 0); err != nil {
		return nil, fmt.Errorf("draw a MAC address: %w", err)
	}
	mac[0] = mac[0]&^1 | 2
	return mac, nil
}

func sameID(a, b *uint32) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
