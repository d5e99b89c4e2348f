package plugin

import (
	"bytes"
	"errors"
	"fmt"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// findBridge finds the bridge whose port the tap shall become; nil where none is asked for.
func findBridge(conn *netdev.Conn, asked netconf.Tap) (*netdev.Link, error) {
	name := asked.Bridge
	if name == "" {
		return nil, nil
	}
	link, err := conn.LinkByName(name)
	if err != nil {
		if errors.Is(err, netdev.ErrNotFound) {
			return nil, fmt.Errorf("bridge %q: %w", name, errNoBridge)
		}
		return nil, about(errDevice, fmt.Errorf("bridge %q: %w", name, err))
	}
	if link.Bridge == nil {
		return nil, fmt.Errorf("bridge %q: %w: the interface of that name is none", name, errNoBridge)
	}
	if asked.VLANs.Native != 0 && !link.Bridge.FiltersVLANs {
		return nil, fmt.Errorf("bridge %q: %w", name, errNoFiltering)
	}
	return link, nil
}

// noticeBridge tells the operator when the bridge took the MAC address or the
// MTU of its new port for its own, as bridges without fixed ones do (Linux 6.12,
// net/bridge/br_stp_if.c, br_stp_recalculate_bridge_id; br_if.c, br_mtu_auto_adjust).
func (t *tap) noticeBridge() error {
	if t.bridge == nil {
		return nil
	}
	now, err := t.conn.LinkByIndex(t.bridge.Index)
	if err != nil {
		return about(errDevice, fmt.Errorf("bridge %q: %w", t.bridge.Name, err))
	}
	if !bytes.Equal(now.MAC, t.bridge.MAC) {
		notice("bridge %q took the MAC address %s of its new port %q for its own (it was %s)", now.Name, now.MAC, t.conf.Tap.Name, t.bridge.MAC)
	}
	if now.MTU != t.bridge.MTU {
		notice("bridge %q took the MTU %d of its new port %q for its own (it was %d)", now.Name, now.MTU, t.conf.Tap.Name, t.bridge.MTU)
	}
	return nil
}
