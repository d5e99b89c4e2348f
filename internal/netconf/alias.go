package netconf

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"slices"
	"strings"
)

// maxAliasField keeps the whole alias within IFALIASZ less its NUL, 255 bytes
// (include/uapi/linux/if.h): "tap/" + 107 + "/" + 107 + "/" + 15 + "/" + 15 = 251.
const maxAliasField = 107

// Alias names the attachment on the device itself, tap/<network>/<container ID>/<ifname>,
// and /<tapName> where the tap is not the interface of that name. It is compared
// whole or field by field, never by prefix; none of the fields can contain a slash.
func (c *Config) Alias() string {
	alias := "tap/" + aliasField(c.Network) + "/" + attachmentFields(c.ContainerID, c.IfName)
	if c.Tap.Name != c.IfName {
		alias += "/" + c.Tap.Name
	}
	return alias
}

func attachmentFields(containerID, ifName string) string {
	return aliasField(containerID) + "/" + ifName
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

// splitAlias takes an alias apart; ok says whether it is one of this plugin's.
func splitAlias(alias string) (network, attachment string, ok bool) { //nolint:nonamedreturns // three strings in a row need names
	fields := strings.Split(alias, "/")
	if len(fields) < 4 || len(fields) > 5 || fields[0] != "tap" || slices.Contains(fields, "") {
		return "", "", false
	}
	return fields[1], fields[2] + "/" + fields[3], true
}

// The name of an egress device: "ifb", 25 bits that stand for the network and 35
// that stand for the tap, 15 bytes in all. A device is born with a name, but
// without an alias: by its name it is found although we were killed in between.
const (
	egressPrefix       = "ifb"
	egressNetworkChars = 5
	egressTapChars     = 7
)

// EgressName is the name of the device through which the tap of that alias sends
// what its guest sends, where that is limited.
func EgressName(alias string) string {
	network, _, _ := splitAlias(alias)
	return egressOfNetwork(network) + hashText(alias)[:egressTapChars]
}

func egressOfNetwork(networkField string) string {
	return egressPrefix + hashText(networkField)[:egressNetworkChars]
}

// EgressAlias tells the operator what the egress device of that tap is for.
func EgressAlias(alias string) string { return egressPrefix + strings.TrimPrefix(alias, "tap") }

// hashText is a hash of characters that an interface name may have, five bits each.
func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").EncodeToString(sum[:])
}
