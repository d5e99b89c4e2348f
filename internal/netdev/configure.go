package netdev

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Settings are what Configure gives to a device. Zero values are left as the kernel made them.
type Settings struct {
	Alias      string
	MTU        int // bytes
	MAC        net.HardwareAddr
	TxQueueLen int  // packets
	Master     int  // index of the bridge whose port it becomes
	Port       Port // what that bridge makes of it
	Promisc    bool // IFF_PROMISC
	AllMulti   bool // IFF_ALLMULTI
	ARPNotify  bool // announce the addresses whenever the link comes up (sysctl arp_notify)
}

// SettingsError is that of a request with several settings, of which the kernel refused one.
type SettingsError struct {
	Up  bool // the request was to bring the device up as well
	Err error
}

func (e *SettingsError) Error() string { return e.Err.Error() }
func (e *SettingsError) Unwrap() error { return e.Err }

// ipv4DevconfARPNotify is IPV4_DEVCONF_ARP_NOTIFY (include/uapi/linux/ip.h).
const ipv4DevconfARPNotify = 22

// Configure applies all settings and brings the device up, in one request. The
// kernel stops at the first that it refuses and keeps those before it; the
// error names it. (A port that its bridge shall not treat as a new one takes more
// requests: it comes up when that is arranged.)
// Source: Linux 6.12, net/core/rtnetlink.c, do_setlink.
func (c *Conn) Configure(index int, s Settings) error {
	if !s.Port.asNew() {
		return c.configurePort(index, s)
	}
	if err := c.setLink(index, s.flags()|unix.IFF_UP, s.attributes()...); err != nil {
		return &SettingsError{Up: true, Err: err}
	}
	return nil
}

// Prepare is Configure without bringing the device up, and without what is set then.
func (c *Conn) Prepare(index int, s Settings) error {
	if err := c.setLink(index, s.flags(), s.attributes()...); err != nil {
		return &SettingsError{Err: err}
	}
	return nil
}

func (c *Conn) configurePort(index int, s Settings) error {
	if err := c.Prepare(index, s); err != nil {
		return err
	}
	if err := c.setPort(index, s.Port); err != nil {
		return err
	}
	if err := c.setLink(index, unix.IFF_UP, s.announcement()...); err != nil {
		return fmt.Errorf("set link up: %w", err)
	}
	return nil
}

// UpWithoutAddress brings up a device that only passes frames on: it gets no
// IPv6 link-local address, so it says nothing and no route leads to it.
func (c *Conn) UpWithoutAddress(index int) error {
	const none = 1 // IN6_ADDR_GEN_MODE_NONE, include/uapi/linux/if_link.h
	families := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	families.AddRtAttr(unix.AF_INET6, nil).AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, nl.Uint8Attr(none))
	// The kernel refuses the attribute where it has no IPv6, and so no such address.
	if err := c.setLink(index, 0, families); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		return fmt.Errorf("set address generation: %w", err)
	}
	if err := c.setLink(index, unix.IFF_UP); err != nil {
		return fmt.Errorf("set link up: %w", err)
	}
	return nil
}

// Down takes a device down: the namespace no longer answers to its addresses, and
// its routes go. ErrNotFound is in the chain if there is no such device.
func (c *Conn) Down(index int) error {
	if err := c.changeLink(index, 0, unix.IFF_UP); err != nil {
		return fmt.Errorf("set link down: %w", notFound(err))
	}
	return nil
}

// SetAlias gives a device an alias and nothing else.
func (c *Conn) SetAlias(index int, alias string) error {
	if err := c.setLink(index, 0, nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(alias))); err != nil {
		return fmt.Errorf("set alias %q: %w", alias, err)
	}
	return nil
}

// setLink sets the given flags, leaves the others, and applies the attributes.
func (c *Conn) setLink(index int, flags uint32, attrs ...*nl.RtAttr) error {
	return c.changeLink(index, flags, flags, attrs...)
}

// changeLink gives those of the flags that are in mask their value, and applies the attributes.
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
	if s.Port.asNew() { // another is not up yet
		attrs = append(attrs, s.announcement()...)
	}
	return attrs
}

// announcement goes with the request that brings the device up.
func (s Settings) announcement() []*nl.RtAttr {
	if !s.ARPNotify {
		return nil
	}
	families := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	conf := families.AddRtAttr(unix.AF_INET, nil).AddRtAttr(unix.IFLA_INET_CONF, nil)
	conf.AddRtAttr(ipv4DevconfARPNotify, nl.Uint32Attr(1))
	return []*nl.RtAttr{families}
}

// Delete removes a device; one that is gone already is no error.
func (c *Conn) Delete(index int) error {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	if err := c.delete(msg); err != nil {
		return fmt.Errorf("delete device %d: %w", index, err)
	}
	return nil
}

// DeleteByName is Delete for a device of which nothing but the name is known.
func (c *Conn) DeleteByName(name string) error {
	err := c.delete(nl.NewIfInfomsg(unix.AF_UNSPEC), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	if err != nil {
		return fmt.Errorf("delete device %q: %w", name, err)
	}
	return nil
}

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
