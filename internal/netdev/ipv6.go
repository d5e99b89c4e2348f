package netdev

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// IPv6Sysctl is a setting of net.ipv6.conf.DEVICE, described in the kernel's
// Documentation/networking/ip-sysctl.rst.
type IPv6Sysctl struct {
	Name   string
	number int // index in IFLA_INET6_CONF, DEVCONF_ in include/uapi/linux/ipv6.h
}

// Settings that decide what a peer on the link can make the namespace do.
var (
	IPv6AcceptRA          = IPv6Sysctl{"accept_ra", 3}
	IPv6AcceptRedirects   = IPv6Sysctl{"accept_redirects", 4}
	IPv6Autoconf          = IPv6Sysctl{"autoconf", 5}
	IPv6ProxyNDP          = IPv6Sysctl{"proxy_ndp", 22}
	IPv6AcceptSourceRoute = IPv6Sysctl{"accept_source_route", 24}
	IPv6ForceForwarding   = IPv6Sysctl{"force_forwarding", 59} // since Linux 6.17
)

// IPv6 holds the values of the sysctls of a device, by their numbers.
type IPv6 struct{ values []byte }

// parseIPv6 parses IFLA_AF_SPEC. It returns nil if the device has no IPv6.
func parseIPv6(families []byte) *IPv6 {
	values := attribute(attribute(families, unix.AF_INET6), unix.IFLA_INET6_CONF)
	if values == nil {
		return nil
	}
	return &IPv6{values: append([]byte(nil), values...)}
}

// value returns the value of a sysctl; 0 if the kernel does not have the sysctl.
func (v *IPv6) value(s IPv6Sysctl) int32 {
	const size = 4
	if end := (s.number + 1) * size; end <= len(v.values) {
		return int32(u32(v.values[s.number*size:]))
	}
	return 0
}

// DisableIPv6Sysctls sets sysctls of a device to 0, in the network namespace of the calling thread.
// It does nothing if the device has no IPv6, and does not write a value that is already 0, because
// that takes time and /proc/sys may be read-only. Netlink can only read these settings.
func DisableIPv6Sysctls(link *Link, sysctls []IPv6Sysctl) error {
	if link.IPv6 == nil {
		return nil
	}
	for _, s := range sysctls {
		if link.IPv6.value(s) == 0 {
			continue
		}
		path := ipv6Path(link.Name, s.Name)
		if err := writeFile(path, "0"); err != nil {
			return fmt.Errorf("write 0 to %s: %w", path, err)
		}
	}
	return nil
}

// writeFile writes text to a file that exists.
func writeFile(path, text string) error {
	fd, err := open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	return errors.Join(write(fd, text), unix.Close(fd))
}
