package netdev

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Settings lists the attributes that [Conn.Prepare] sets. A zero value leaves the
// attribute unchanged.
type Settings struct {
	Alias       string
	MTU         int // bytes
	MAC         net.HardwareAddr
	TxQueueLen  int           // packets
	Master      int           // index of the bridge that the device is enslaved to
	Port        Port          // bridge port settings; requires Master
	Promisc     bool          // IFF_PROMISC
	AllMulti    bool          // IFF_ALLMULTI
	IPv4        []IPv4Setting // applied in this order
	NoLinkLocal bool          // no IPv6 link-local address when the device comes up (IN6_ADDR_GEN_MODE_NONE)
}

// SettingsError reports that the kernel rejected one attribute of a request with several.
type SettingsError struct{ Err error }

func (e *SettingsError) Error() string { return e.Err.Error() }
func (e *SettingsError) Unwrap() error { return e.Err }

// Prepare applies s and leaves the device as it is otherwise: a new one down. The kernel applies
// the attributes in order, stops at the first one that it rejects, and does not revert the
// earlier ones. The error is then a *SettingsError. The settings of a port follow in further
// requests, because they need a master.
// Source: Linux 6.12, net/core/rtnetlink.c, do_setlink.
func (c *Conn) Prepare(index int, s Settings) error {
	if err := c.setLink(index, s.flags(), s.attributes()...); err != nil {
		return &SettingsError{Err: err}
	}
	return c.setPort(index, s.Port)
}

// Up sets a device up.
func (c *Conn) Up(index int) error {
	if err := c.setLink(index, unix.IFF_UP); err != nil {
		return fmt.Errorf("set link up: %w", err)
	}
	return nil
}

// Down sets a device down. The namespace then no longer answers for the device's
// addresses, and the kernel deletes the device's routes. The error wraps ErrNotFound
// if the device does not exist.
func (c *Conn) Down(index int) error {
	if err := c.changeLink(index, 0, unix.IFF_UP); err != nil {
		return fmt.Errorf("set link down: %w", notFound(err))
	}
	return nil
}

// setLink sets the given flags and attributes. Other flags remain unchanged.
func (c *Conn) setLink(index int, flags uint32, attrs ...*nl.RtAttr) error {
	return c.changeLink(index, flags, flags, attrs...)
}

// changeLink sets the attributes and the flags selected by mask. Other flags remain unchanged.
func (c *Conn) changeLink(index int, flags, mask uint32, attrs ...*nl.RtAttr) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	msg.Flags, msg.Change = flags, mask
	req.AddData(msg)
	for _, attr := range attrs {
		req.AddData(attr)
	}
	return c.change(req)
}

// flags returns the IFF_ flags to set.
func (s Settings) flags() uint32 {
	flags := uint32(0)
	if s.Promisc {
		flags |= unix.IFF_PROMISC
	}
	if s.AllMulti {
		flags |= unix.IFF_ALLMULTI
	}
	return flags
}

// attributes returns the IFLA_ attributes of the request, without the port settings.
func (s Settings) attributes() []*nl.RtAttr {
	var attrs []*nl.RtAttr
	if s.Alias != "" {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(s.Alias)))
	}
	if s.MTU != 0 {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(s.MTU))))
	}
	if s.MAC != nil {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_ADDRESS, s.MAC))
	}
	if s.TxQueueLen != 0 {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_TXQLEN, nl.Uint32Attr(uint32(s.TxQueueLen))))
	}
	if s.Master != 0 {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(s.Master))))
	}
	if families := s.families(); families != nil {
		attrs = append(attrs, families)
	}
	return attrs
}

// families returns IFLA_AF_SPEC with the settings of each address family; nil if there are none.
// Source: Linux 6.12, net/ipv4/devinet.c, inet_set_link_af; net/ipv6/addrconf.c, inet6_set_link_af.
func (s Settings) families() *nl.RtAttr {
	if len(s.IPv4) == 0 && !s.NoLinkLocal {
		return nil
	}
	families := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	if len(s.IPv4) > 0 {
		conf := families.AddRtAttr(unix.AF_INET, nil).AddRtAttr(unix.IFLA_INET_CONF, nil)
		for _, setting := range s.IPv4 {
			conf.AddRtAttr(setting.Sysctl.number, nl.Uint32Attr(setting.Value))
		}
	}
	if s.NoLinkLocal {
		const addrGenModeNone = 1 // IN6_ADDR_GEN_MODE_NONE, include/uapi/linux/if_link.h
		families.AddRtAttr(unix.AF_INET6, nil).AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, nl.Uint8Attr(addrGenModeNone))
	}
	return families
}

// Delete deletes a device. It returns nil if the device does not exist.
func (c *Conn) Delete(index int) error {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	if err := c.delete(msg); err != nil {
		return fmt.Errorf("delete device %d: %w", index, err)
	}
	return nil
}

// DeleteByName deletes a device by name. It returns nil if the device does not exist.
func (c *Conn) DeleteByName(name string) error {
	err := c.delete(nl.NewIfInfomsg(unix.AF_UNSPEC), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	if err != nil {
		return fmt.Errorf("delete device %q: %w", name, err)
	}
	return nil
}

// delete sends RTM_DELLINK and ignores ENODEV.
func (c *Conn) delete(msg *nl.IfInfomsg, attrs ...*nl.RtAttr) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	req.AddData(msg)
	for _, attr := range attrs {
		req.AddData(attr)
	}
	err := notFound(c.change(req))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
