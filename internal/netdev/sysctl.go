package netdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// EnableIPv6 turns disable_ipv6 off for the named device of the calling thread's
// network namespace, and says whether it was on. Without IPv6 in the kernel it
// does nothing: adding the address then says so.
func EnableIPv6(name string) (bool, error) {
	return setIPv6(name, "disable_ipv6", "0")
}

// DisableIPv6 undoes EnableIPv6.
func DisableIPv6(name string) error {
	_, err := setIPv6(name, "disable_ipv6", "1")
	return err
}

// KeepIPv6OnDown makes the device keep its IPv6 addresses when it is set down.
func KeepIPv6OnDown(name string) error {
	_, err := setIPv6(name, "keep_addr_on_down", "1")
	return err
}

// setIPv6 writes net.ipv6.conf.<name>.<key> unless it has the value already:
// /proc/sys may be read-only where somebody set it before.
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
