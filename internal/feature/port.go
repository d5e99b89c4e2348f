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

const needFiltering = "let the bridge filter VLANs: ip link set BRIDGE type bridge vlan_filtering 1, in the container's namespace; where that is not supported, the kernel was built without CONFIG_BRIDGE_VLAN_FILTERING, and needs it"

var (
	bridgeKind     = cni.Kind{Code: cni.CodeBridge, Advice: "make the bridge in the container's namespace first: another plugin of the chain, or the image's own set-up"}
	bridgelessKind = cni.Kind{Code: cni.CodeBridge, Advice: "load the driver: modprobe bridge"}
	filteringKind  = cni.Kind{Code: cni.CodeBridge, Advice: needFiltering}

	errNoBridge    = bridgeKind.New("no such bridge in the namespace")
	errNoFiltering = filteringKind.New("vlan and vlanTrunk need a bridge that filters VLANs, and this one does not")
)

// port makes the tap a port of a bridge.
type port struct{ bridge *netdev.Link } // as it was before; nil: none asked for, or not there

func newPort() Feature {
	p := &port{}
	return Feature{Find: p.find, Refuse: p.refuse, Plan: p.plan, Notice: p.notice, Try: makeBridge}
}

// find asks the kernel, which also knows alternative names.
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

func (p *port) refuse(a *Attachment) error {
	asked := a.Conf.Tap
	switch {
	case asked.Bridge == "":
		return nil
	case p.bridge == nil:
		return fmt.Errorf("bridge %q: %w", asked.Bridge, errNoBridge)
	case p.bridge.Bridge == nil:
		return fmt.Errorf("bridge %q: %w: the interface of that name is none", asked.Bridge, errNoBridge)
	case asked.VLANs.Native != 0 && !p.bridge.Bridge.FiltersVLANs:
		return fmt.Errorf("bridge %q: %w", asked.Bridge, errNoFiltering)
	}
	return nil
}

func (p *port) plan(a *Attachment, want *plan.Desired) error {
	asked, tap := a.Conf.Tap, want.Device(plan.Tap)
	if asked.Bridge == "" {
		return nil
	}
	tap.MasterName, want.Master = asked.Bridge, p.bridge
	if p.bridge != nil {
		tap.Master, tap.Port = p.bridge.Index, portOf(asked, p.bridge)
	}
	return nil
}

// notice tells the operator when the bridge took the MAC address or the MTU of its new
// port for its own, as bridges without fixed ones do (Linux 6.12,
// net/bridge/br_stp_if.c, br_stp_recalculate_bridge_id; br_if.c, br_mtu_auto_adjust).
func (p *port) notice(a *Attachment) error {
	if p.bridge == nil {
		return nil
	}
	now, err := a.Conn.LinkByIndex(p.bridge.Index)
	if err != nil {
		return deviceKind.Wrap(fmt.Errorf("bridge %q: %w", p.bridge.Name, err))
	}
	if !bytes.Equal(now.MAC, p.bridge.MAC) {
		cni.Notice("bridge %q took the MAC address %s of its new port %q for its own (it was %s)", now.Name, now.MAC, a.Conf.Tap.Name, p.bridge.MAC)
	}
	if now.MTU != p.bridge.MTU {
		cni.Notice("bridge %q took the MTU %d of its new port %q for its own (it was %d)", now.Name, now.MTU, a.Conf.Tap.Name, p.bridge.MTU)
	}
	return nil
}

// makeBridge makes the bridge that another plugin makes for the container.
func makeBridge(a *Attachment) error {
	asked := a.Conf.Tap
	if asked.Bridge == "" {
		return nil
	}
	err := a.Conn.Add(asked.Bridge, "bridge")
	if errors.Is(err, unix.EOPNOTSUPP) {
		return bridgelessKind.Wrap(err)
	}
	if err == nil && asked.VLANs.Native != 0 {
		err = a.Conn.FilterVLANs(asked.Bridge)
	}
	if errors.Is(err, netdev.ErrNoVLANFiltering) {
		return filteringKind.Wrap(err)
	}
	return deviceKind.Wrap(err)
}

// portOf is how the bridge shall treat the tap.
func portOf(asked netconf.Tap, bridge *netdev.Link) netdev.Port {
	port := netdev.Port{Isolated: asked.Isolated}
	if asked.VLANs.Native == 0 {
		return port
	}
	port.VLANs = vlansOf(asked.VLANs)
	if bridge.Bridge == nil { // what goes by that name now is none
		return port
	}
	if initial := bridge.Bridge.DefaultVLAN; asked.VLANs.DropDefault && !plan.Member(port.VLANs, initial) {
		port.DropVLAN = initial
	}
	return port
}

// vlansOf are the VLANs that are asked for.
func vlansOf(asked netconf.VLANs) []netdev.VLANRange {
	list := make([]netdev.VLANRange, 0, 1+len(asked.Tagged))
	list = append(list, netdev.VLANRange{First: asked.Native, Last: asked.Native, PVID: true, Untagged: true})
	for _, r := range asked.Tagged {
		list = append(list, netdev.VLANRange{First: r.First, Last: r.Last})
	}
	return list
}
