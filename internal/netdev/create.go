package netdev

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ErrExists reports that the name of a new device is already in use.
var ErrExists = errors.New("name already in use")

// Add creates a device of a kind that needs no parameters, such as "ifb" or "bridge". The
// error wraps ErrExists if the name is already in use.
func (c *Conn) Add(name, kind string) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
	req.AddData(info)
	switch err := c.change(req); {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("add %s %q: %w: %w", kind, name, ErrExists, err)
	case err != nil:
		return fmt.Errorf("add %s %q: %w", kind, name, err)
	}
	return nil
}
