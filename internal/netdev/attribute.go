package netdev

import (
	"bytes"
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"
)

// nlaTypeMask is NLA_TYPE_MASK, include/uapi/linux/netlink.h.
const nlaTypeMask = ^uint16(unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)

// attributes returns the type and the value of each attribute in list. It stops at the first
// malformed attribute: a device can have an attribute longer than 64 KB, whose length the kernel
// then stores modulo 2^16, so that what follows is not a list of attributes. What precedes is valid.
func attributes(list []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(list) >= unix.SizeofNlAttr {
			length := int(u16(list))
			if length < unix.SizeofNlAttr || length > len(list) {
				return
			}
			if !yield(u16(list[2:])&nlaTypeMask, list[unix.SizeofNlAttr:length]) {
				return
			}
			list = list[min((length+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1), len(list)):]
		}
	}
}

// attribute returns the value of the first attribute of the given kind in list, or nil if list
// does not contain it.
func attribute(list []byte, kind uint16) []byte {
	for found, value := range attributes(list) {
		if found == kind {
			return value
		}
	}
	return nil
}

// str returns b as a string without trailing NUL bytes.
func str(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

// The kernel's values are long enough. The functions below return zero instead of
// panicking if b is too short.

func u8(b []byte) uint8 {
	if len(b) < 1 {
		return 0
	}
	return b[0]
}

func u16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return binary.NativeEndian.Uint16(b)
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

func u64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(b)
}
