package netdev

import (
	"encoding/binary"
	"net"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

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
		{"IPv4", slices.Concat(header(unix.AF_INET, 24), attr(unix.IFA_ADDRESS, "192.0.2.2"), attr(unix.IFA_LOCAL, "192.0.2.2")),
			"192.0.2.2/24"},
		{"with peer", slices.Concat(header(unix.AF_INET, 32), attr(unix.IFA_ADDRESS, "192.0.2.9"), attr(unix.IFA_LOCAL, "192.0.2.2")),
			"192.0.2.2/32"},
		{"IPv6", slices.Concat(header(unix.AF_INET6, 64), attr(unix.IFA_ADDRESS, "2001:db8::2")), "2001:db8::2/64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if addr, device := parseAddress(tt.msg); addr.String() != tt.want || device != 5 {
				t.Errorf("parseAddress\nwant %s of 5\ngot  %s of %d", tt.want, addr.String(), device)
			}
		})
	}
	if addr, device := parseAddress([]byte{1, 2}); device != 0 {
		t.Errorf("parseAddress of 2 bytes\nwant no device\ngot  %d, %v", device, addr)
	}
}
