package netconf

import (
	"crypto/sha256"
	"encoding/hex"
)

// maxAliasField keeps the whole alias within IFALIASZ less its NUL, 255 bytes
// (include/uapi/linux/if.h): "tap/" + 110 + "/" + 110 + "/" + 15 = 241.
const maxAliasField = 110

// Alias names the attachment on the device itself: tap/<network>/<container ID>/<ifname>.
// It is compared whole, never by prefix, and none of the fields can contain a slash.
func (c *Config) Alias() string {
	return "tap/" + aliasField(c.Network) + "/" + aliasField(c.ContainerID) + "/" + c.IfName
}

// aliasField replaces what would not fit by its hash. No network name or
// container ID begins with '#' (CNI specification 1.1, section 2, "Parameters"),
// so a hash never equals another's name.
func aliasField(s string) string {
	if len(s) <= maxAliasField {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "#" + hex.EncodeToString(sum[:])
}
