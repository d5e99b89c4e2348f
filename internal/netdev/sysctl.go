package netdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// EnableIPv6 sets disable_ipv6 to 0 for the named device in the network namespace of the calling
// thread. It reports whether it changed the value. It does nothing if the kernel has no IPv6; the
// caller then gets an error when it adds the address.
func EnableIPv6(name string) (bool, error) {
	return setIPv6(name, "disable_ipv6", "0")
}

// DisableIPv6 reverts EnableIPv6: it sets disable_ipv6 to 1.
func DisableIPv6(name string) error {
	_, err := setIPv6(name, "disable_ipv6", "1")
	return err
}

// KeepIPv6OnDown sets keep_addr_on_down to 1: the device keeps its IPv6 addresses when it is set
// down.
func KeepIPv6OnDown(name string) error {
	_, err := setIPv6(name, "keep_addr_on_down", "1")
	return err
}

// setIPv6 sets net.ipv6.conf.<name>.<key> and reports whether it changed the value. It does not
// write a value that is already set, because /proc/sys may be read-only in an environment that
// set it earlier.
func setIPv6(name, key, value string) (bool, error) {
	path := "/proc/sys/net/ipv6/conf/" + name + "/" + key
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read sysctl: %w", err)
	}
	if strings.TrimSpace(string(old)) == value {
		return false, nil
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return false, fmt.Errorf("set sysctl to %s: %w", value, err)
	}
	return true, nil
}
