package netdev

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// FuzzReply parses the datagrams of a dump. A process in the namespace chooses the attributes of devices, filters
// and routes, and their lengths.
func FuzzReply(f *testing.F) {
	const sequence = 7
	tap := newlink(5, unix.IFF_UP,
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("net1")), nl.NewRtAttr(unix.IFLA_IFALIAS, []byte("tap/vms/0123abcd/net1")),
		tunInfo(attr8(nl.IFLA_TUN_TYPE, unix.IFF_TAP), attr32(nl.IFLA_TUN_OWNER, 1000)))
	for _, kind := range []uint16{unix.RTM_NEWLINK, unix.RTM_NEWADDR, unix.RTM_NEWROUTE, unix.RTM_NEWQDISC, unix.RTM_NEWTFILTER} {
		f.Add(kind, message(kind, unix.NLM_F_MULTI, sequence, tap...))
	}
	wrapped := slices.Concat(tap, []byte{200, 0, unix.IFLA_IFNAME, 0}, tap)
	f.Add(uint16(unix.RTM_NEWLINK), slices.Concat(message(unix.RTM_NEWLINK, unix.NLM_F_MULTI, sequence, wrapped...),
		message(unix.NLMSG_DONE, unix.NLM_F_MULTI|unix.NLM_F_DUMP_INTR, sequence, errno(0)...)))
	f.Add(uint16(0), message(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, sequence, errno(unix.EINVAL, tap...)...))
	f.Fuzz(func(t *testing.T, msgType uint16, datagram []byte) {
		payloads := 0
		r := reply{sequence: sequence, msgType: msgType, visit: func(payload []byte) bool {
			payloads++
			parseEverything(t, payload)
			return true
		}}
		if err := r.parse(datagram); err != nil && !r.done && payloads > 0 {
			t.Errorf("parse\nwant no message of a datagram that is not well-formed\ngot  %d, %v", payloads, err)
		}
	})
}

// parseEverything gives a payload to every parser of this package.
func parseEverything(t *testing.T, payload []byte) {
	t.Helper()
	if link := parseLink(payload); link != nil && (link.Tun != nil) != (link.Kind == "tun") {
		t.Errorf("parseLink\nwant attributes of a tun for that kind only\ngot  %+v", link)
	}
	if _, device := parseAddress(payload); device != 0 && len(payload) < unix.SizeofIfAddrmsg {
		t.Errorf("parseAddress of %d bytes\nwant no device\ngot  %d", len(payload), device)
	}
	if len(payload) >= unix.SizeofRtMsg {
		if route := parseRoute(nl.DeserializeRtMsg(payload), payload[unix.SizeofRtMsg:]); len(route.Hops) == 0 || len(route.Hops) != len(route.Devices) {
			t.Errorf("parseRoute\nwant at least one hop, each with a device\ngot  %+v", route)
		}
	}
	if len(payload) >= nl.SizeofTcMsg {
		attrs := payload[nl.SizeofTcMsg:]
		msg := tcMessage{header: nl.DeserializeTcMsg(payload), kind: str(attribute(attrs, nl.TCA_KIND)), options: attribute(attrs, nl.TCA_OPTIONS)}
		parseFilter(IngressHook, msg)
		mirredTarget(msg.options)
		if bucket, err := parseBucket(msg.options); (bucket == nil) == (err == nil) {
			t.Errorf("parseBucket\nwant a bucket or an error\ngot  %v, %v", bucket, err)
		}
	}
	for _, r := range parseVLANs(payload) {
		if r.First > 1<<16 || r.Last > 1<<16 {
			t.Errorf("parseVLANs\nwant numbers of 16 bits\ngot  %+v", r)
		}
	}
	wantInside(t, payload)
}

// wantInside checks that the attributes are parts of the list, one after the other.
func wantInside(t *testing.T, list []byte) {
	t.Helper()
	used := 0
	for kind, value := range attributes(list) {
		if kind&^nlaTypeMask != 0 || used+unix.SizeofNlAttr+len(value) > len(list) {
			t.Fatalf("attributes of %d bytes\nwant parts of the list\ngot  type %d of %d bytes at %d", len(list), kind, len(value), used)
		}
		if length := int(binary.NativeEndian.Uint16(list[used:])); length != unix.SizeofNlAttr+len(value) {
			t.Fatalf("attribute at %d\nwant %d bytes\ngot  %d", used, length-unix.SizeofNlAttr, len(value))
		}
		used = min((used+unix.SizeofNlAttr+len(value)+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1), len(list))
	}
}
