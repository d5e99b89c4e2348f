package netdev

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Port lists the settings of a bridge port. The zero value is the default of a new port.
type Port struct {
	Isolated bool        // the port cannot reach other isolated ports
	VLANs    []VLANRange // added to the VLANs of a new port
	DropVLAN int         // deleted from the VLANs of a new port; 0: none
}

// setPort applies p to a device, whose master must be a bridge unless p is the zero value.
func (c *Conn) setPort(index int, p Port) error {
	if p.Isolated {
		if err := c.isolate(index); err != nil {
			return fmt.Errorf("set isolated: %w", err)
		}
	}
	if len(p.VLANs) > 0 {
		if err := c.addVLANs(index, p.VLANs); err != nil {
			return fmt.Errorf("set port VLANs: %w", err)
		}
	}
	if p.DropVLAN != 0 {
		if err := c.deleteVLAN(index, p.DropVLAN); err != nil {
			return fmt.Errorf("delete VLAN %d from the port: %w", p.DropVLAN, err)
		}
	}
	return nil
}

// isolate sets the port flag isolated.
// Source: Linux 6.12, net/bridge/br_netlink.c, br_setport.
func (c *Conn) isolate(index int) error {
	port := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	port.AddRtAttr(nl.IFLA_BRPORT_ISOLATED, nl.Uint8Attr(1))
	return c.changePort(unix.RTM_SETLINK, index, port)
}

// changePort sends a request of type msgType about a bridge port. The family AF_BRIDGE addresses
// it to the bridge of that port.
func (c *Conn) changePort(msgType, index int, attr *nl.RtAttr) error {
	req := nl.NewNetlinkRequest(msgType, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(index)
	req.AddData(msg)
	req.AddData(attr)
	return c.change(req)
}
