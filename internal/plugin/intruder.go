package plugin

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Until its owner is set, anybody who can open /dev/net/tun in the namespace can
// attach to a multi-queue tap.

// onlyOurs refuses a device that was restricted to an owner or a group after
// somebody else had attached to it, as only a multi-queue tap allows: an
// attached process keeps its queue, and may have changed the owner as well.
func (t *tap) onlyOurs() error {
	asked, tun := t.conf.Tap, t.link.Tun
	if tun == nil || !tun.Tap {
		return about(errDevice, fmt.Errorf("%q is a device of another kind: %q", t.link.Name, t.link.Kind))
	}
	if !t.shared() {
		return nil
	}
	if tun.Queues != 1 || tun.Disabled != 0 || tun.Persistent || !sameID(tun.Owner, asked.Owner) || !sameID(tun.Group, asked.Group) {
		return fmt.Errorf("%w: %d queues instead of 1, owner %s, group %s",
			errIntruder, tun.Queues+tun.Disabled, idText(tun.Owner), idText(tun.Group))
	}
	return nil
}

// shared says whether others could attach before the owner was set: only a
// multi-queue tap has room for them, and only a restricted one is not theirs.
func (t *tap) shared() bool {
	asked := t.conf.Tap
	return asked.MultiQueue && (asked.Owner != nil || asked.Group != nil)
}

// resetShared puts back what somebody who attached and left again, before the
// owner was set, may have changed of the device.
func (t *tap) resetShared() error {
	if !t.shared() {
		return nil
	}
	if err := t.file.Reset(); err != nil {
		return err
	}
	if t.mac != nil {
		return nil
	}
	var err error
	t.mac, err = randomMAC() // the kernel's may have been replaced
	return err
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
