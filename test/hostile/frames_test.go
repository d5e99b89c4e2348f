package hostile

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
)

const (
	typeIPv4, typeARP, typeIPv6     = 0x0800, 0x0806, 0x86dd
	protoICMP, protoUDP, protoICMP6 = 1, 17, 58
)

// Addresses of the guest, and of a second host that it pretends to be.
const guestMAC, otherMAC = "02:00:00:00:0b:ad", "02:00:00:00:be:ef"

func mac(text string) []byte {
	address, err := net.ParseMAC(text)
	if err != nil {
		panic(err) // a constant of this package, or what the kernel printed
	}
	return address
}

func ip(text string) []byte { return netip.MustParseAddr(text).AsSlice() }

// ethernet is a frame from the guest.
func ethernet(to string, etherType uint16, payload []byte) []byte {
	return slices.Concat(mac(to), mac(guestMAC), be16(etherType), payload)
}

func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// checksum is the Internet checksum (RFC 1071).
func checksum(parts ...[]byte) uint16 {
	data := slices.Concat(parts...)
	if len(data)%2 == 1 {
		data = append(data, 0)
	}
	sum := uint32(0)
	for i := 0; i < len(data); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func ipv4(from, to string, protocol byte, payload []byte) []byte {
	header := slices.Concat([]byte{0x45, 0}, be16(uint16(20+len(payload))), []byte{0, 1, 0, 0, 64, protocol, 0, 0}, ip(from), ip(to))
	binary.BigEndian.PutUint16(header[10:], checksum(header))
	return append(header, payload...)
}

func ipv6(from, to string, protocol, hopLimit byte, payload []byte) []byte {
	return slices.Concat([]byte{0x60, 0, 0, 0}, be16(uint16(len(payload))), []byte{protocol, hopLimit}, ip(from), ip(to), payload)
}

// payload is the content of each datagram of the guest.
const payload = "sent by the guest"

// udp4 is an IPv4 datagram without a UDP checksum.
func udp4(from, to string, port uint16) []byte {
	return ipv4(from, to, protoUDP, slices.Concat(be16(4242), be16(port), be16(uint16(8+len(payload))), be16(0), []byte(payload)))
}

func udp6(from, to string, port uint16) []byte {
	datagram := slices.Concat(be16(4242), be16(port), be16(uint16(8+len(payload))), be16(0), []byte(payload))
	binary.BigEndian.PutUint16(datagram[6:], checksum(pseudo6(from, to, protoUDP, len(datagram)), datagram))
	return ipv6(from, to, protoUDP, 64, datagram)
}

// pseudo6 is the pseudo-header of IPv6 checksums (RFC 8200, section 8.1).
func pseudo6(from, to string, protocol byte, length int) []byte {
	return slices.Concat(ip(from), ip(to), be32(uint32(length)), []byte{0, 0, 0, protocol})
}

// icmp4 is an ICMP message; rest follows the checksum.
func icmp4(kind, code byte, rest []byte) []byte {
	message := slices.Concat([]byte{kind, code, 0, 0}, rest)
	binary.BigEndian.PutUint16(message[2:], checksum(message))
	return message
}

// neighbour6 is a message of neighbour discovery, with hop limit 255; rest follows the checksum.
func neighbour6(from, to string, kind byte, rest []byte) []byte {
	message := slices.Concat([]byte{kind, 0, 0, 0}, rest)
	binary.BigEndian.PutUint16(message[2:], checksum(pseudo6(from, to, protoICMP6, len(message)), message))
	return ipv6(from, to, protoICMP6, 255, message)
}

const (
	guestLinkLocal, otherLinkLocal = "fe80::bad", "fe80::beef"
	allNodes, allNodesMAC          = "ff02::1", "33:33:00:00:00:01"
	broadcastMAC                   = "ff:ff:ff:ff:ff:ff"
)

// routerAdvertisement makes the guest a default router of high preference, with an on-link prefix 2001:db8:dead::/64 for
// autoconfiguration (RFC 4861, sections 4.2 and 4.6.2) and a route to 2001:db8:cafe::/48 (RFC 4191, section 2.3).
func routerAdvertisement() []byte {
	const high, onLink, autonomous = 0x08, 0x80, 0x40
	return ethernet(allNodesMAC, typeIPv6, neighbour6(guestLinkLocal, allNodes, 134, slices.Concat(
		[]byte{64, high}, be16(1800), be32(0), be32(0),
		[]byte{1, 1}, mac(guestMAC), // source link-layer address
		[]byte{5, 1, 0, 0}, be32(1280), // MTU
		[]byte{3, 4, 64, onLink | autonomous}, be32(3600), be32(3600), be32(0), ip("2001:db8:dead::"),
		[]byte{24, 2, 48, high}, be32(1800), ip("2001:db8:cafe::")[:8],
	)))
}

// redirect6 says that the way to a destination is by the host otherLinkLocal (RFC 4861, section 4.5).
func redirect6(podMAC, pod, destination string) []byte {
	return ethernet(podMAC, typeIPv6, neighbour6(guestLinkLocal, pod, 137, slices.Concat(
		be32(0), ip(otherLinkLocal), ip(destination),
		[]byte{2, 1}, mac(otherMAC), // target link-layer address
	)))
}

// redirect4 says in the name of a gateway that the way to a destination is by another gateway. The packet in question is an echo reply
// of the pod, for which the pod needs no socket (Linux 6.12, net/ipv4/icmp.c, icmp_err).
func redirect4(podMAC, pod, gateway, better, destination string) []byte {
	const redirect, forHost, echoReply = 5, 1, 0
	reply := ipv4(pod, destination, protoICMP, icmp4(echoReply, 0, be32(1)))
	return ethernet(podMAC, typeIPv4, ipv4(gateway, pod, protoICMP, icmp4(redirect, forHost, slices.Concat(ip(better), reply))))
}

// arpRequest asks for the MAC address of an IPv4 address.
func arpRequest(senderMAC, sender, target string) []byte {
	return ethernet(broadcastMAC, typeARP, slices.Concat([]byte{0, 1, 8, 0, 6, 4, 0, 1}, mac(senderMAC), ip(sender), make([]byte, 6), ip(target)))
}

// isARPReplyFor returns a function that reports whether a frame is an ARP reply with the MAC address of that IPv4 address.
func isARPReplyFor(address string) func(frame []byte) bool {
	return func(frame []byte) bool {
		const senderIP = 14 + 14
		return len(frame) >= 42 && bytes.Equal(frame[12:14], be16(typeARP)) && frame[21] == 2 && bytes.Equal(frame[senderIP:senderIP+4], ip(address))
	}
}
