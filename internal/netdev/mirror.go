package netdev

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Handles and parents, include/uapi/linux/pkt_sched.h.
const (
	rootParent    = math.MaxUint32       // TC_H_ROOT
	ingressParent = math.MaxUint32 - 0xe // TC_H_INGRESS
	ingressHandle = 0xffff0000
)

// MirrorIngress redirects all ingress traffic of a device to the egress of another device, an
// ifb. The ifb passes the frames back to the stack as if the first device had just received
// them. MirrorIngress adds qdisc ingress and a u32 filter with the action mirred.
// Source: Linux 6.12, net/sched/act_mirred.c; drivers/net/ifb.c.
func (c *Conn) MirrorIngress(index, to int) error {
	err := c.addQdisc(&nl.TcMsg{Ifindex: int32(index), Parent: ingressParent, Handle: ingressHandle}, "ingress", nil)
	if err != nil {
		return fmt.Errorf("mirror ingress to device %d: %w", to, err)
	}
	req := nl.NewNetlinkRequest(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	const firstPriority = 1 << 16
	// The handle is the one that the kernel chooses for the first filter. With it, a second request
	// after a lost acknowledgement does not add a second filter.
	const firstHandle = 0x80000800
	req.AddData(&nl.TcMsg{Ifindex: int32(index), Parent: ingressHandle, Handle: firstHandle, Info: firstPriority | protocolAll})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("u32")))
	req.AddData(mirrorAllTo(to))
	if err := c.change(req, unix.EEXIST); err != nil {
		return fmt.Errorf("mirror ingress to device %d: add filter u32 with action mirred: %w", to, err)
	}
	return nil
}

// mirrorAllTo returns the options of a u32 filter that matches every frame and redirects it to
// the egress of the given device.
func mirrorAllTo(device int) *nl.RtAttr {
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_U32_SEL, matchAllU32())
	action := options.AddRtAttr(nl.TCA_U32_ACT, nil).AddRtAttr(nl.TCA_ACT_TAB, nil)
	action.AddRtAttr(nl.TCA_ACT_KIND, nl.ZeroTerminated("mirred"))
	parms := make([]byte, sizeofMirred)
	binary.NativeEndian.PutUint32(parms[mirredAction:], actStolen)
	binary.NativeEndian.PutUint32(parms[mirredEaction:], egressRedirect)
	binary.NativeEndian.PutUint32(parms[mirredDevice:], uint32(device))
	action.AddRtAttr(nl.TCA_ACT_OPTIONS, nil).AddRtAttr(nl.TCA_MIRRED_PARMS, parms)
	return options
}

// matchAllU32 returns a u32 selector that matches every frame: its only key has an empty mask.
func matchAllU32() []byte {
	const terminal = 1 // TC_U32_TERMINAL, include/uapi/linux/pkt_cls.h
	selector := nl.TcU32Sel{Flags: terminal, Nkeys: 1, Keys: []nl.TcU32Key{{}}}
	return selector.Serialize()
}

const (
	protocolAll    = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in network byte order
	actStolen      = 4                                            // TC_ACT_STOLEN, include/uapi/linux/pkt_cls.h
	egressRedirect = 1                                            // TCA_EGRESS_REDIR, include/uapi/linux/tc_act/tc_mirred.h
)

// Size and offsets of struct tc_mirred, include/uapi/linux/tc_act/tc_mirred.h: seven fields of
// 32 bits. The struct in package nl is not usable: it is two bytes longer than the kernel's.
const (
	sizeofMirred  = 28
	mirredAction  = 8
	mirredEaction = 20
	mirredDevice  = 24
)

// IngressMirrorOf returns the index of the device to which [Conn.MirrorIngress] redirects the
// ingress traffic of a device, or 0 if the device has no such filter.
func (c *Conn) IngressMirrorOf(index int) (int, error) {
	target := 0
	err := c.readTc(unix.RTM_GETTFILTER, unix.RTM_NEWTFILTER, &nl.TcMsg{Ifindex: int32(index), Parent: ingressHandle},
		func() { target = 0 },
		func(msg tcMessage) bool {
			if msg.options == nil || msg.kind == "u32" && attribute(msg.options, nl.TCA_U32_DIVISOR) != nil {
				return true // a classifier instance (tcf_proto) or a hash table of u32, not a filter
			}
			// The first filter decides: if it takes every frame, later filters see none.
			if msg.kind == "u32" && uint16(msg.header.Info) == protocolAll &&
				bytes.Equal(attribute(msg.options, nl.TCA_U32_SEL), matchAllU32()) {
				target = mirredTarget(msg.options)
			}
			return false
		})
	if err != nil {
		return 0, fmt.Errorf("list filters of device %d: %w", index, err)
	}
	return target, nil
}

// mirredTarget returns the device in options that mirrorAllTo created, or 0 for options of
// another filter.
func mirredTarget(options []byte) int {
	actions := attribute(options, nl.TCA_U32_ACT)
	action := attribute(actions, nl.TCA_ACT_TAB)
	if str(attribute(action, nl.TCA_ACT_KIND)) != "mirred" {
		return 0
	}
	parms := attribute(attribute(action, nl.TCA_ACT_OPTIONS), nl.TCA_MIRRED_PARMS)
	if len(parms) < sizeofMirred || u32(parms[mirredAction:]) != actStolen || u32(parms[mirredEaction:]) != egressRedirect {
		return 0
	}
	return int(u32(parms[mirredDevice:]))
}
