package netdev

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// addQdisc adds a qdisc of the given kind. The parent and the handle are in header.
func (c *Conn) addQdisc(header *nl.TcMsg, kind string, options *nl.RtAttr) error {
	if _, err := c.execute(newQdisc(header, kind, options), 0); err != nil {
		return fmt.Errorf("add qdisc %s: %w", kind, err)
	}
	return nil
}

func newQdisc(header *nl.TcMsg, kind string, options *nl.RtAttr) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(header)
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(kind)))
	if options != nil {
		req.AddData(options)
	}
	return req
}

// ignoreMissing returns nil if err says that the object to delete does not exist: the device
// (ENODEV), the qdisc (ENOENT, EINVAL) or the filter (ENOENT).
func ignoreMissing(_ [][]byte, err error) error {
	for _, errno := range []error{unix.ENODEV, unix.ENOENT, unix.EINVAL} {
		if errors.Is(err, errno) {
			return nil
		}
	}
	return err
}

// tcMessage is a parsed RTM_NEWQDISC or RTM_NEWTFILTER message.
type tcMessage struct {
	header  *nl.TcMsg
	kind    string
	options []byte // attributes specific to the kind
}

// dumpTc dumps qdiscs or filters. When it dumps qdiscs, the kernel ignores the device in header and
// lists the qdiscs of all devices.
func (c *Conn) dumpTc(request int, msgType uint16, header *nl.TcMsg) ([]tcMessage, error) {
	return dump(func() ([]tcMessage, error) {
		req := nl.NewNetlinkRequest(request, unix.NLM_F_DUMP)
		req.AddData(header)
		msgs, err := c.execute(req, msgType)
		if err != nil {
			return nil, err
		}
		list := make([]tcMessage, 0, len(msgs))
		for _, msg := range msgs {
			if len(msg) < nl.SizeofTcMsg {
				return nil, fmt.Errorf("message too short: %d bytes", len(msg))
			}
			attrs := msg[nl.SizeofTcMsg:]
			list = append(list, tcMessage{
				header: nl.DeserializeTcMsg(msg), kind: str(attribute(attrs, nl.TCA_KIND)), options: attribute(attrs, nl.TCA_OPTIONS),
			})
		}
		return list, nil
	})
}

// attribute returns the value of the first attribute of the given kind in list, or nil if list
// does not contain it or is malformed.
func attribute(list []byte, kind uint16) []byte {
	attrs, err := nl.ParseRouteAttr(list)
	if err != nil {
		return nil // does not happen: the kernel's messages are well-formed
	}
	for _, attr := range attrs {
		if attr.Attr.Type&nlaTypeMask == kind {
			return attr.Value
		}
	}
	return nil
}

// nlaTypeMask is NLA_TYPE_MASK, include/uapi/linux/netlink.h.
const nlaTypeMask = ^uint16(unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
