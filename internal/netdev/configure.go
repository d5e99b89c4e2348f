package netdev

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Settings lists the attributes that [Conn.Configure] sets. A zero value leaves the
// attribute unchanged.
type Settings struct {
	Alias      string
	MTU        int // bytes
	MAC        net.HardwareAddr
	TxQueueLen int  // packets
	Master     int  // index of the bridge that the device is enslaved to
	Port       Port // bridge port settings; requires Master
	Promisc    bool // IFF_PROMISC
	AllMulti   bool // IFF_ALLMULTI
	ARPNotify  bool // send a gratuitous ARP for each address when the link comes up (sysctl arp_notify)
}

// SettingsError reports that the kernel rejected one attribute of a request with several.
type SettingsError struct {
	Up  bool // the request also set the device up
	Err error
}

func (e *SettingsError) Error() string { return e.Err.Error() }
func (e *SettingsError) Unwrap() error { return e.Err }

// ipv4DevconfARPNotify is IPV4_DEVCONF_ARP_NOTIFY (include/uapi/linux/ip.h).
const ipv4DevconfARPNotify = 22

// Configure applies s and sets the device up in one request. The kernel applies the
// attributes in order, stops at the first one that it rejects, and does not revert the
// earlier ones. The error is then a *SettingsError.
//
// If s.Port is not the default, Configure needs several requests. It sets the device up
// after the port is configured.
// Source: Linux 6.12, net/core/rtnetlink.c, do_setlink.
func (c *Conn) Configure(index int, s Settings) error {
	if !s.Port.isDefault() {
		return c.configurePort(index, s)
	}
	if err := c.setLink(index, s.flags()|unix.IFF_UP, s.attributes()...); err != nil {
		return &SettingsError{Up: true, Err: err}
	}
	return nil
}

// Prepare applies s like Configure, but leaves the device down and does not apply s.Port.
// If s.Port is not the default, Prepare does not apply s.ARPNotify either.
func (c *Conn) Prepare(index int, s Settings) error {
	if err := c.setLink(index, s.flags(), s.attributes()...); err != nil {
		return &SettingsError{Err: err}
	}
	return nil
}

// configurePort configures a device whose port settings are not the default. The port
// settings need a master, so they follow the attributes; IFF_UP and arp_notify come last.
func (c *Conn) configurePort(index int, s Settings) error {
	if err := c.Prepare(index, s); err != nil {
		return err
	}
	if err := c.setPort(index, s.Port); err != nil {
		return err
	}
	if err := c.setLink(index, unix.IFF_UP, s.arpNotifyAttrs()...); err != nil {
		return fmt.Errorf("set link up: %w", err)
	}
	return nil
}

// UpWithoutAddress sets a device up without an IPv6 link-local address. It is for devices
// that only forward frames: without an address the device sends no packets of its own
// and no route points to it.
func (c *Conn) UpWithoutAddress(index int) error {
	const addrGenModeNone = 1 // IN6_ADDR_GEN_MODE_NONE, include/uapi/linux/if_link.h
	families := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	families.AddRtAttr(unix.AF_INET6, nil).AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, nl.Uint8Attr(addrGenModeNone))
	// A kernel without IPv6 rejects the attribute; it assigns no link-local address either.
	if err := c.setLink(index, 0, families); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		return fmt.Errorf("set IPv6 address generation mode: %w", err)
	}
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

// SetAlias sets the alias of a device (ip link set alias).
func (c *Conn) SetAlias(index int, alias string) error {
	if err := c.setLink(index, 0, nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(alias))); err != nil {
		return fmt.Errorf("set alias %q: %w", alias, err)
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
	_, err := c.execute(req, 0)
	return err
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
	if s.Port.isDefault() { // otherwise configurePort sets it together with IFF_UP
		attrs = append(attrs, s.arpNotifyAttrs()...)
	}
	return attrs
}

// arpNotifyAttrs returns the attribute that enables arp_notify, or nil if not requested.
// It belongs in the request that sets the device up.
func (s Settings) arpNotifyAttrs() []*nl.RtAttr {
	if !s.ARPNotify {
		return nil
	}
	families := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	conf := families.AddRtAttr(unix.AF_INET, nil).AddRtAttr(unix.IFLA_INET_CONF, nil)
	conf.AddRtAttr(ipv4DevconfARPNotify, nl.Uint32Attr(1))
	return []*nl.RtAttr{families}
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
	_, err := c.execute(req, 0)
	if err = notFound(err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
