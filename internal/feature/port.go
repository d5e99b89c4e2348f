package feature

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

var (
	bridgeKind = cni.Kind{Code: cni.CodeBridge, Advice: "create the bridge in the container's namespace before ADD, " +
		"by an earlier plugin of the chain or in the set-up of the image"}
	bridgeDriverKind = bridgeKind.With("load the driver: modprobe bridge")
	filteringKind    = bridgeKind.With("in the container's namespace: ip link set BRIDGE type bridge vlan_filtering 1; " +
		"if that is not supported, use a kernel with CONFIG_BRIDGE_VLAN_FILTERING")

	errNoBridge    = bridgeKind.New("no such bridge in the namespace")
	errNoFiltering = filteringKind.New("vlan and vlanTrunk need a bridge with VLAN filtering, which is disabled")
)

// port makes the tap a port of a bridge.
type port struct{ bridge *netdev.Link } // as it was before ADD; nil if not requested or missing

func newPort() Feature {
	p := &port{}
	return Feature{Find: p.find, LockAndValidate: p.validate, Plan: p.plan, Notice: p.notice, AddStub: addStubBridge}
}

// find looks up the bridge in the kernel, which also knows alternative names.
func (p *port) find(a *Attachment) error {
	name := a.Conf.Tap.Bridge
	if name == "" {
		return nil
	}
	link, err := a.Conn.LinkByName(name)
	if err == nil {
		p.bridge = link
	} else if !errors.Is(err, netdev.ErrNotFound) {
		return deviceKind.Wrap(fmt.Errorf("bridge %q: %w", name, err))
	}
	return nil
}

func (p *port) validate(a *Attachment) error {
	asked := a.Conf.Tap
	switch {
	case asked.Bridge == "":
		return nil
	case p.bridge == nil:
		return fmt.Errorf("bridge %q: %w", asked.Bridge, errNoBridge)
	case p.bridge.Bridge == nil:
		return bridgeKind.Wrap(fmt.Errorf("bridge %q: is a device of kind %q, not a bridge", asked.Bridge, p.bridge.Kind))
	case asked.VLANs.Native != 0 && !p.bridge.Bridge.FiltersVLANs:
		return fmt.Errorf("bridge %q: %w", asked.Bridge, errNoFiltering)
	}
	return nil
}

func (p *port) plan(a *Attachment) error {
	asked, tap := a.Conf.Tap, a.Want.Device(plan.Tap)
	if asked.Bridge == "" {
		return nil
	}
	tap.MasterName, a.Want.Master = asked.Bridge, p.bridge
	if p.bridge != nil {
		tap.Master, tap.Port = p.bridge.Index, portOf(asked, p.bridge)
	}
	return nil
}

// notice warns if the bridge changed its own MAC address or MTU because of the new port. A bridge without
// fixed values does (Linux 6.12, net/bridge/br_stp_if.c, br_stp_recalculate_bridge_id; br_if.c,
// br_mtu_auto_adjust).
func (p *port) notice(a *Attachment) error {
	if p.bridge == nil {
		return nil
	}
	tap := a.Conf.Tap.Name
	now, err := a.Conn.LinkByIndex(p.bridge.Index)
	if err != nil {
		return deviceKind.Wrap(fmt.Errorf("bridge %q: %w", p.bridge.Name, err))
	}
	if !bytes.Equal(now.MAC, p.bridge.MAC) {
		cni.Notice("bridge %q changed its MAC address from %s to %s for its new port %q", now.Name, p.bridge.MAC, now.MAC, tap)
	}
	if now.MTU != p.bridge.MTU {
		cni.Notice("bridge %q changed its MTU from %d to %d for its new port %q", now.Name, p.bridge.MTU, now.MTU, tap)
	}
	return nil
}

// addStubBridge creates the bridge that another plugin creates in the container's namespace.
func addStubBridge(a *Attachment) error {
	asked := a.Conf.Tap
	if asked.Bridge == "" {
		return nil
	}
	err := a.Conn.Add(asked.Bridge, "bridge")
	if errors.Is(err, unix.EOPNOTSUPP) {
		return bridgeDriverKind.Wrap(err)
	}
	if err == nil && asked.VLANs.Native != 0 {
		err = a.Conn.EnableVLANFiltering(asked.Bridge)
	}
	return deviceKind.Wrap(portError(err))
}

// portError adds code and advice to the error of a kernel without VLAN filtering. It returns other errors
// unchanged.
func portError(err error) error {
	if errors.Is(err, netdev.ErrNoVLANFiltering) {
		return filteringKind.Wrap(err)
	}
	return err
}

// portOf returns the settings of the tap as a port.
func portOf(asked netconf.Tap, bridge *netdev.Link) netdev.Port {
	port := netdev.Port{Isolated: asked.Isolated}
	if asked.VLANs.Native == 0 {
		return port
	}
	port.VLANs = vlansOf(asked.VLANs)
	if bridge.Bridge == nil { // CHECK: a device of another kind has the name now
		return port
	}
	if vlan := bridge.Bridge.DefaultVLAN; asked.VLANs.DropDefault && !plan.Member(port.VLANs, vlan) {
		port.DropVLAN = vlan
	}
	return port
}

// vlansOf converts the VLANs of the configuration: the native one is untagged, all others are tagged.
func vlansOf(asked netconf.VLANs) []netdev.VLANRange {
	list := make([]netdev.VLANRange, 0, 1+len(asked.Tagged))
	list = append(list, netdev.VLANRange{First: asked.Native, Last: asked.Native, PVID: true, Untagged: true})
	for _, r := range asked.Tagged {
		list = append(list, netdev.VLANRange{First: r.First, Last: r.Last})
	}
	return list
}
