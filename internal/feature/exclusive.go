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

var errForeignQueue = cni.Kind{Code: types.ErrTryAgainLater, Advice: "try again, and find the process in the namespace " +
	"that attaches to taps of others; the tap was deleted"}.New("another process attached to the tap before its owner was set")

// checkExclusive rejects a tap to which another process attached before its owner or group was set, which
// only a multi-queue tap allows. That process keeps its queue and may have changed the owner.
func checkExclusive(want *plan.Device, link *netdev.Link) error {
	tun := link.Tun
	if tun == nil || !tun.Tap {
		return deviceKind.Wrap(fmt.Errorf("%q is a device of kind %q, not a tap", link.Name, link.Kind))
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

// randomMAC returns a random unicast address with the local bit set (IEEE 802, section 8.4).
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
