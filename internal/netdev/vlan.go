package netdev

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// VLANRange is a range of VLANs of a bridge port, from First to Last inclusive, 1 to 4094.
type VLANRange struct {
	First, Last int
	PVID        bool // untagged ingress frames belong to this VLAN; for one VLAN per port, not a range
	Untagged    bool // egress frames of the VLAN are untagged
}

// ErrNoVLANFiltering reports that the kernel was built without CONFIG_BRIDGE_VLAN_FILTERING.
var ErrNoVLANFiltering = errors.New("the kernel does not support VLAN filtering")

// EnableVLANFiltering enables vlan_filtering on a bridge. The error wraps ErrNoVLANFiltering if
// the kernel does not support it, and ErrNotFound if the bridge does not exist.
// Source: Linux 6.12, net/bridge/br_netlink.c, br_changelink; br_private.h,
// br_vlan_filter_toggle, for a kernel without support.
func (c *Conn) EnableVLANFiltering(bridge string) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK) // RTM_SETLINK ignores IFLA_LINKINFO
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(bridge)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	info.AddRtAttr(unix.IFLA_INFO_DATA, nil).AddRtAttr(nl.IFLA_BR_VLAN_FILTERING, nl.Uint8Attr(1))
	req.AddData(info)
	switch err := c.change(req); {
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("bridge %q: set vlan_filtering: %w: %w", bridge, ErrNoVLANFiltering, err)
	case err != nil:
		return fmt.Errorf("bridge %q: set vlan_filtering: %w", bridge, notFound(err))
	}
	return nil
}

// addVLANs adds VLANs to a port, in one message. The port keeps its existing VLANs. A new PVID
// replaces the existing PVID, but the port remains a member of that VLAN.
// Source: Linux 6.12, net/bridge/br_netlink.c, br_setlink, br_dellink, br_afspec.
func (c *Conn) addVLANs(port int, ranges []VLANRange) error {
	return c.changePort(unix.RTM_SETLINK, port, vlanSpec(ranges))
}

// deleteVLAN deletes a VLAN from a port. It returns nil if the port is not a member.
func (c *Conn) deleteVLAN(port, vlan int) error {
	return c.changePort(unix.RTM_DELLINK, port, vlanSpec([]VLANRange{{First: vlan, Last: vlan}}))
}

// vlanSpec returns the attribute IFLA_AF_SPEC with a list of VLANs. Each is a struct
// bridge_vlan_info (include/uapi/linux/if_bridge.h), a range is two of them (Linux 6.12,
// net/bridge/br_netlink.c, br_process_vlan_info).
func vlanSpec(ranges []VLANRange) *nl.RtAttr {
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC|unix.NLA_F_NESTED, nil)
	add := func(flags uint16, vlan int) {
		info := nl.BridgeVlanInfo{Flags: flags, Vid: uint16(vlan)}
		spec.AddRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, info.Serialize())
	}
	for _, r := range ranges {
		flags := uint16(0)
		if r.PVID {
			flags |= nl.BRIDGE_VLAN_INFO_PVID
		}
		if r.Untagged {
			flags |= nl.BRIDGE_VLAN_INFO_UNTAGGED
		}
		if r.First == r.Last {
			add(flags, r.First)
			continue
		}
		add(flags|nl.BRIDGE_VLAN_INFO_RANGE_BEGIN, r.First)
		add(flags|nl.BRIDGE_VLAN_INFO_RANGE_END, r.Last)
	}
	return spec
}

// PortVLANs returns the VLANs of a bridge port, in ascending order. The list is empty if the
// device is not a bridge port or the kernel does not support VLAN filtering. PortVLANs dumps all
// ports, because the kernel cannot return a single one.
// Source: Linux 6.12, net/core/rtnetlink.c, rtnl_bridge_getlink, which only dumps;
// net/bridge/br_netlink.c, br_fill_ifvlaninfo_compressed.
func (c *Conn) PortVLANs(port int) ([]VLANRange, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_BRIDGE))
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(nl.RTEXT_FILTER_BRVLAN_COMPRESSED)))
	var list []VLANRange
	err := c.read(req, unix.RTM_NEWLINK, func() { list = nil }, func(msg []byte) bool {
		if len(msg) >= unix.SizeofIfInfomsg && nl.DeserializeIfInfomsg(msg).Index == int32(port) {
			list = append(list, parseVLANs(attribute(msg[unix.SizeofIfInfomsg:], unix.IFLA_AF_SPEC))...)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list VLANs of bridge ports: %w", err)
	}
	return list, nil
}

// parseVLANs parses the payload of an attribute that vlanSpec returns.
func parseVLANs(spec []byte) []VLANRange {
	var list []VLANRange
	for kind, value := range attributes(spec) {
		if kind != nl.IFLA_BRIDGE_VLAN_INFO || len(value) < nl.SizeofBridgeVlanInfo {
			continue // IFLA_BRIDGE_VLAN_TUNNEL_INFO, for example
		}
		info := nl.DeserializeBridgeVlanInfo(value)
		if last := len(list) - 1; info.Flags&nl.BRIDGE_VLAN_INFO_RANGE_END != 0 && last >= 0 {
			list[last].Last = int(info.Vid)
			continue
		}
		vlan := int(info.Vid)
		list = append(list, VLANRange{First: vlan, Last: vlan, PVID: info.PortVID(), Untagged: info.EngressUntag()})
	}
	return list
}
