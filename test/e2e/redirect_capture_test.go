package e2e

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"slices"

	"tap/test/harness"
)

// heard is what a capture has of frames that do not come from these MAC addresses, each kind once.
func heard(c *harness.Capture, without ...string) []string {
	var kinds []string
	for _, frame := range c.Frames() {
		if from := net.HardwareAddr(frame[6:12]).String(); !slices.Contains(without, from) {
			if kind := kindOf(frame); !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	slices.Sort(kinds)
	return kinds
}

// Ethertypes and protocols (IANA, "IEEE 802 Numbers", "Protocol Numbers").
const (
	etherIPv4, etherARP, etherIPv6 = 0x0800, 0x0806, 0x86dd
	protoICMP, protoTCP, protoUDP  = 1, 6, 17
	protoICMPv6, hopByHop          = 58, 0
)

// kindOf names what a kernel sends by itself; anything else is shown.
func kindOf(frame []byte) string {
	const header = 14
	payload := frame[header:]
	switch ether := binary.BigEndian.Uint16(frame[12:]); ether {
	case etherARP:
		return map[byte]string{1: "ARP request", 2: "ARP reply"}[payload[7]]
	case etherIPv4:
		return kindOfIP(payload[9], payload[4*(payload[0]&0xf):])
	case etherIPv6:
		next, rest := payload[6], payload[40:]
		if next == hopByHop {
			next, rest = rest[0], rest[8*(1+int(rest[1])):]
		}
		return kindOfIP(next, rest)
	}
	return "frame " + hex.EncodeToString(frame)
}

func kindOfIP(protocol byte, payload []byte) string {
	switch protocol {
	case protoTCP:
		const flags, reset = 13, 4
		if payload[flags]&reset != 0 {
			return "TCP reset"
		}
		return "TCP"
	case protoUDP:
		return "UDP"
	case protoICMP:
		return orElse(map[byte]string{0: "echo reply", 3: "unreachable", 8: "echo request"}[payload[0]], fmt.Sprintf("ICMP %d", payload[0]))
	case protoICMPv6:
		return orElse(map[byte]string{
			1: "unreachable", 128: "echo request v6", 129: "echo reply v6", 131: "MLD report", 143: "MLD report",
			133: "router solicitation", 135: "neighbour solicitation", 136: "neighbour advertisement",
		}[payload[0]], fmt.Sprintf("ICMPv6 %d", payload[0]))
	}
	return fmt.Sprintf("IP protocol %d", protocol)
}
