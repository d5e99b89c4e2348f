package netdev

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Port is how a bridge treats one of its ports. The zero value is how it treats a new one.
type Port struct {
	Isolated bool        // it reaches no other isolated port
	VLANs    []VLANRange // that it gets beside those of a new port
	DropVLAN int         // of those, one that is taken from it; 0: none
}

// isDefault says whether the bridge need not be told anything.
func (p Port) isDefault() bool { return !p.Isolated && len(p.VLANs) == 0 && p.DropVLAN == 0 }

// setPort needs a port: all this belongs to the bridge.
func (c *Conn) setPort(index int, p Port) error {
	if p.Isolated {
		if err := c.isolate(index); err != nil {
			return fmt.Errorf("set isolated: %w", err)
		}
	}
	if len(p.VLANs) > 0 {
		if err := c.addVLANs(index, p.VLANs); err != nil {
			return fmt.Errorf("set VLANs of the port: %w", err)
		}
	}
	if p.DropVLAN != 0 {
		if err := c.deleteVLAN(index, p.DropVLAN); err != nil {
			return fmt.Errorf("remove VLAN %d of the port: %w", p.DropVLAN, err)
		}
	}
	return nil
}

// isolate: Linux 6.12, net/bridge/br_netlink.c, br_setport.
func (c *Conn) isolate(index int) error {
	port := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	port.AddRtAttr(nl.IFLA_BRPORT_ISOLATED, nl.Uint8Attr(1))
	return c.changePort(unix.RTM_SETLINK, index, port)
}

// changePort tells a port's bridge, which answers for it in the family AF_BRIDGE.
func (c *Conn) changePort(verb, index int, attr *nl.RtAttr) error {
	req := nl.NewNetlinkRequest(verb, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(index)
	req.AddData(msg)
	req.AddData(attr)
	_, err := c.execute(req, 0)
	return err
}
