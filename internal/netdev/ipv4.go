package netdev

// IPv4Sysctl is a setting of net.ipv4.conf.DEVICE, described in the kernel's
// Documentation/networking/ip-sysctl.rst. Its value is the number that netlink uses,
// IPV4_DEVCONF_ in include/uapi/linux/ip.h.
type IPv4Sysctl int

// Settings that decide what a peer on the link can make the namespace do.
const (
	IPv4Forwarding        IPv4Sysctl = 1
	IPv4ProxyARP          IPv4Sysctl = 3
	IPv4AcceptRedirects   IPv4Sysctl = 4
	IPv4AcceptSourceRoute IPv4Sysctl = 9
	IPv4BootpRelay        IPv4Sysctl = 10
	IPv4ARPIgnore         IPv4Sysctl = 19
	IPv4ARPAccept         IPv4Sysctl = 21
	IPv4ARPNotify         IPv4Sysctl = 22
	IPv4ProxyARPPVLAN     IPv4Sysctl = 25
	IPv4RouteLocalnet     IPv4Sysctl = 26
)

// IPv4Setting is the value of a sysctl.
type IPv4Setting struct {
	Sysctl IPv4Sysctl
	Value  uint32
}
