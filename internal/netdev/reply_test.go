package netdev

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// message is one as the kernel sends it; a dump has more than one in a datagram.
func message(kind, flags uint16, sequence uint32, payload ...byte) []byte {
	length := unix.SizeofNlMsghdr + len(payload)
	m := binary.NativeEndian.AppendUint32(nil, uint32(length))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = binary.NativeEndian.AppendUint16(m, flags)
	m = binary.NativeEndian.AppendUint32(m, sequence)
	m = binary.NativeEndian.AppendUint32(m, 4711)
	m = append(m, payload...)
	return append(m, make([]byte, -len(m)&3)...)
}

// errno is the beginning of an acknowledgement, and of the end of a list.
func errno(number unix.Errno, rest ...byte) []byte {
	return append(binary.NativeEndian.AppendUint32(nil, uint32(-int32(number))), rest...)
}

func TestReplyParse(t *testing.T) {
	const multi = unix.NLM_F_MULTI
	request := message(unix.RTM_SETLINK, 0, 7, 1, 2, 3, 4)
	words := nl.NewRtAttr(nl.NLMSGERR_ATTR_MSG, nl.ZeroTerminated("because")).Serialize()
	tests := []struct {
		name        string
		datagrams   [][]byte
		want        []string // payloads
		err         error
		says        string
		done        bool
		interrupted bool
	}{
		{"one answer", [][]byte{message(16, 0, 7, 'a', 'b', 'c', 'd')}, []string{"abcd"}, nil, "", true, false},
		{"an acknowledgement", [][]byte{message(unix.NLMSG_ERROR, 0, 7, errno(0)...)}, nil, nil, "", true, false},
		{"a list in two datagrams", [][]byte{
			slices.Concat(message(16, multi, 7, []byte("1111")...), message(16, multi, 7, []byte("2222")...)),
			slices.Concat(message(16, multi, 7, []byte("3333")...), message(unix.NLMSG_DONE, multi, 7, errno(0)...)),
		}, []string{"1111", "2222", "3333"}, nil, "", true, false},
		{"a list without end so far", [][]byte{message(16, multi, 7, []byte("1111")...)}, []string{"1111"}, nil, "", false, false},
		{"an end without a number", [][]byte{message(unix.NLMSG_DONE, multi, 7)}, nil, nil, "", true, false},
		{"a list that changed meanwhile", [][]byte{
			message(16, multi|unix.NLM_F_DUMP_INTR, 7, []byte("1111")...), message(unix.NLMSG_DONE, multi, 7, errno(0)...),
		}, []string{"1111"}, nil, "", true, true},
		{"a list that changed in the end", [][]byte{message(unix.NLMSG_DONE, multi|unix.NLM_F_DUMP_INTR, 7, errno(0)...)}, nil, nil, "", true, true},
		{"a list that failed half way", [][]byte{
			message(16, multi, 7, []byte("1111")...), message(unix.NLMSG_DONE, multi, 7, errno(unix.ENOBUFS)...),
		}, []string{"1111"}, unix.ENOBUFS, "", true, false},
		{"left over from another request", [][]byte{
			slices.Concat(message(16, 0, 6, []byte("6666")...), message(unix.NLMSG_ERROR, 0, 6, errno(unix.EPERM)...), message(16, 0, 7, []byte("7777")...)),
		}, []string{"7777"}, nil, "", true, false},
		{"of another type", [][]byte{message(20, multi, 7, []byte("2020")...), message(unix.NLMSG_DONE, multi, 7, errno(0)...)}, nil, nil, "", true, false},
		{"refused", [][]byte{message(unix.NLMSG_ERROR, 0, 7, errno(unix.EPERM, request...)...)}, nil, unix.EPERM, "operation not permitted", true, false},
		{"refused with words behind the whole request", [][]byte{
			message(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 7, errno(unix.EINVAL, append(slices.Clone(request), words...)...)...),
		}, nil, unix.EINVAL, "invalid argument: because", true, false},
		{"refused with words behind the request's header", [][]byte{
			message(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS|unix.NLM_F_CAPPED, 7, errno(unix.EINVAL, append(slices.Clone(request[:unix.SizeofNlMsghdr]), words...)...)...),
		}, nil, unix.EINVAL, "invalid argument: because", true, false},
		{"a list refused with words", [][]byte{
			message(unix.NLMSG_DONE, multi|unix.NLM_F_ACK_TLVS, 7, errno(unix.EINVAL, words...)...),
		}, nil, unix.EINVAL, "invalid argument: because", true, false},
		{"cut short", [][]byte{message(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 7, errno(unix.EINVAL)...)}, nil, unix.EINVAL, "", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := reply{sequence: 7, msgType: 16}
			var err error
			for _, datagram := range tt.datagrams {
				err = errors.Join(err, r.parse(datagram))
			}
			var got []string
			for _, payload := range r.payloads {
				got = append(got, string(payload))
			}
			if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) || r.done != tt.done || r.interrupted != tt.interrupted {
				t.Errorf("parse\nwant %q, %v, done %v, interrupted %v\ngot  %q, %v, done %v, interrupted %v",
					tt.want, tt.err, tt.done, tt.interrupted, got, err, r.done, r.interrupted)
			}
			if tt.says != "" && (err == nil || err.Error() != tt.says) {
				t.Errorf("error\nwant %s\ngot  %v", tt.says, err)
			}
		})
	}
}

// The payloads must outlive the buffer, which the next datagram overwrites.
func TestReplyParseCopiesPayloads(t *testing.T) {
	r := reply{sequence: 7, msgType: 16}
	datagram := message(16, unix.NLM_F_MULTI, 7, []byte("1111")...)
	if err := r.parse(datagram); err != nil {
		t.Fatal(err)
	}
	clear(datagram)
	if len(r.payloads) != 1 || string(r.payloads[0]) != "1111" {
		t.Errorf("payload\nwant 1111\ngot  %q", r.payloads)
	}
}

func TestParseAddress(t *testing.T) {
	header := func(family, prefix uint8) []byte {
		return append([]byte{family, prefix, 0, 0}, binary.NativeEndian.AppendUint32(nil, 5)...)
	}
	attr := func(kind int, ip string) []byte {
		_, bytes := familyOf(net.ParseIP(ip))
		return nl.NewRtAttr(kind, bytes).Serialize()
	}
	tests := []struct {
		name string
		msg  []byte
		want string
	}{
		{"IPv4", slices.Concat(header(unix.AF_INET, 24), attr(unix.IFA_ADDRESS, "192.0.2.2"), attr(unix.IFA_LOCAL, "192.0.2.2")), "192.0.2.2/24"},
		{"with a peer", slices.Concat(header(unix.AF_INET, 32), attr(unix.IFA_ADDRESS, "192.0.2.9"), attr(unix.IFA_LOCAL, "192.0.2.2")), "192.0.2.2/32"},
		{"IPv6", slices.Concat(header(unix.AF_INET6, 64), attr(unix.IFA_ADDRESS, "2001:db8::2")), "2001:db8::2/64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr, device, err := parseAddress(tt.msg)
			if err != nil || addr.String() != tt.want || device != 5 {
				t.Errorf("parseAddress\nwant %s of 5\ngot  %s of %d, %v", tt.want, addr.String(), device, err)
			}
		})
	}
	if _, _, err := parseAddress([]byte{1, 2}); err == nil || !strings.Contains(err.Error(), "2 bytes") {
		t.Errorf("parseAddress of too little\nwant an error\ngot  %v", err)
	}
}
