package netdev

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// addQdisc adds a qdisc of the given kind. The parent and the handle are in header.
func (c *Conn) addQdisc(header *nl.TcMsg, kind string, options *nl.RtAttr) error {
	if err := c.change(newQdisc(header, kind, options), unix.EEXIST); err != nil {
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
func ignoreMissing(err error) error {
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
	options []byte // attributes specific to the kind; valid during the visit
}

// readTc reads qdiscs or filters with c.read. When it reads qdiscs, the kernel ignores the device
// in header and lists the qdiscs of all devices.
func (c *Conn) readTc(request int, msgType uint16, header *nl.TcMsg, begin func(), visit func(tcMessage) bool) error {
	req := nl.NewNetlinkRequest(request, unix.NLM_F_DUMP)
	req.AddData(header)
	return c.read(req, msgType, begin, func(payload []byte) bool {
		if len(payload) < nl.SizeofTcMsg {
			return true
		}
		attrs := payload[nl.SizeofTcMsg:]
		return visit(tcMessage{
			header: nl.DeserializeTcMsg(payload), kind: str(attribute(attrs, nl.TCA_KIND)), options: attribute(attrs, nl.TCA_OPTIONS),
		})
	})
}
