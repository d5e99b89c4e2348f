package netdev

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// message returns a netlink message as the kernel sends it. The datagrams of a dump contain several.
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

// errno returns the payload of an NLMSG_ERROR or NLMSG_DONE message.
func errno(number unix.Errno, rest ...byte) []byte {
	return append(binary.NativeEndian.AppendUint32(nil, uint32(-int32(number))), rest...)
}

func TestReplyParse(t *testing.T) {
	const multi = unix.NLM_F_MULTI
	request := message(unix.RTM_SETLINK, 0, 7, 1, 2, 3, 4)
	extack := nl.NewRtAttr(nl.NLMSGERR_ATTR_MSG, nl.ZeroTerminated("reason")).Serialize()
	tests := []struct {
		name        string
		datagrams   [][]byte
		want        []string // payloads
		err         error
		errText     string
		done        bool
		interrupted bool
	}{
		{"one message", [][]byte{message(16, 0, 7, 'a', 'b', 'c', 'd')}, []string{"abcd"}, nil, "", true, false},
		{"acknowledgement", [][]byte{message(unix.NLMSG_ERROR, 0, 7, errno(0)...)}, nil, nil, "", true, false},
		{"dump in two datagrams", [][]byte{
			slices.Concat(message(16, multi, 7, []byte("1111")...), message(16, multi, 7, []byte("2222")...)),
			slices.Concat(message(16, multi, 7, []byte("3333")...), message(unix.NLMSG_DONE, multi, 7, errno(0)...)),
		}, []string{"1111", "2222", "3333"}, nil, "", true, false},
		{"dump without NLMSG_DONE", [][]byte{message(16, multi, 7, []byte("1111")...)}, []string{"1111"}, nil, "", false, false},
		{"NLMSG_DONE without errno", [][]byte{message(unix.NLMSG_DONE, multi, 7)}, nil, nil, "", true, false},
		{"dump interrupted", [][]byte{
			message(16, multi|unix.NLM_F_DUMP_INTR, 7, []byte("1111")...), message(unix.NLMSG_DONE, multi, 7, errno(0)...),
		}, []string{"1111"}, nil, "", true, true},
		{"dump interrupted at its end", [][]byte{
			message(unix.NLMSG_DONE, multi|unix.NLM_F_DUMP_INTR, 7, errno(0)...),
		}, nil, nil, "", true, true},
		{"dump failed midway", [][]byte{
			message(16, multi, 7, []byte("1111")...), message(unix.NLMSG_DONE, multi, 7, errno(unix.ENOBUFS)...),
		}, []string{"1111"}, unix.ENOBUFS, "", true, false},
		{"messages of an earlier request", [][]byte{slices.Concat(
			message(16, 0, 6, []byte("6666")...), message(unix.NLMSG_ERROR, 0, 6, errno(unix.EPERM)...),
			message(16, 0, 7, []byte("7777")...),
		)}, []string{"7777"}, nil, "", true, false},
		{"message of another type", [][]byte{
			message(20, multi, 7, []byte("2020")...), message(unix.NLMSG_DONE, multi, 7, errno(0)...),
		}, nil, nil, "", true, false},
		{"error", [][]byte{
			message(unix.NLMSG_ERROR, 0, 7, errno(unix.EPERM, request...)...),
		}, nil, unix.EPERM, "operation not permitted", true, false},
		{"error with extended acknowledgement after the request", [][]byte{
			message(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 7, errno(unix.EINVAL, append(slices.Clone(request), extack...)...)...),
		}, nil, unix.EINVAL, "invalid argument: reason", true, false},
		{"error with extended acknowledgement after the request header", [][]byte{
			message(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS|unix.NLM_F_CAPPED, 7,
				errno(unix.EINVAL, append(slices.Clone(request[:unix.SizeofNlMsghdr]), extack...)...)...),
		}, nil, unix.EINVAL, "invalid argument: reason", true, false},
		{"dump error with extended acknowledgement", [][]byte{
			message(unix.NLMSG_DONE, multi|unix.NLM_F_ACK_TLVS, 7, errno(unix.EINVAL, extack...)...),
		}, nil, unix.EINVAL, "invalid argument: reason", true, false},
		{"truncated error", [][]byte{
			message(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 7, errno(unix.EINVAL)...),
		}, nil, unix.EINVAL, "", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			r := reply{sequence: 7, msgType: 16, visit: func(payload []byte) bool { got = append(got, string(payload)); return true }}
			var err error
			for _, datagram := range tt.datagrams {
				err = errors.Join(err, r.parse(datagram))
			}
			if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) || r.done != tt.done || r.interrupted != tt.interrupted {
				t.Errorf("parse\nwant %q, %v, done %v, interrupted %v\ngot  %q, %v, done %v, interrupted %v",
					tt.want, tt.err, tt.done, tt.interrupted, got, err, r.done, r.interrupted)
			}
			if tt.errText != "" && (err == nil || err.Error() != tt.errText) {
				t.Errorf("error\nwant %s\ngot  %v", tt.errText, err)
			}
		})
	}
}
