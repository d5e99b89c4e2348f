package netdev

// IPv4Sysctl is a setting of net.ipv4.conf.DEVICE, described in the kernel's
// Documentation/networking/ip-sysctl.rst.
type IPv4Sysctl struct {
	Name   string
	number int // in netlink, IPV4_DEVCONF_ in include/uapi/linux/ip.h
}

// Settings that decide what a peer on the link can make the namespace do.
var (
	IPv4Forwarding        = IPv4Sysctl{"forwarding", 1}
	IPv4ProxyARP          = IPv4Sysctl{"proxy_arp", 3}
	IPv4AcceptRedirects   = IPv4Sysctl{"accept_redirects", 4}
	IPv4AcceptSourceRoute = IPv4Sysctl{"accept_source_route", 9}
	IPv4BootpRelay        = IPv4Sysctl{"bootp_relay", 10}
	IPv4ARPIgnore         = IPv4Sysctl{"arp_ignore", 19}
	IPv4ARPAccept         = IPv4Sysctl{"arp_accept", 21}
	IPv4ARPNotify         = IPv4Sysctl{"arp_notify", 22}
	IPv4ProxyARPPVLAN     = IPv4Sysctl{"proxy_arp_pvlan", 25}
	IPv4RouteLocalnet     = IPv4Sysctl{"route_localnet", 26}
)

// IPv4Setting is the value of a sysctl.
type IPv4Setting struct {
	Sysctl IPv4Sysctl
	Value  uint32
}
