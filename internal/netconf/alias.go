package netconf

import (
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// maxAliasField is the maximum length in bytes of a network name or container ID in an alias. It keeps
// the whole alias within IFALIASZ minus its NUL, 255 bytes (include/uapi/linux/if.h):
// "tap/" + 107 + "/" + 107 + "/" + 15 + "/" + 15 = 251.
const maxAliasField = 107

// Alias returns the alias of the tap, which identifies the attachment on the device itself:
// tap/<network>/<container ID>/<ifname>. It ends with /<tapName> if the tap is not the interface
// CNI_IFNAME, and with /:redirect if the tap is redirected to that interface. Aliases are compared as a
// whole or field by field, never by prefix. No field can contain a slash.
func (c *Config) Alias() string {
	switch {
	case c.Tap.Redirect: // an attachment has one redirected tap, so its name is not needed
		return c.attachmentAlias() + redirectField
	case c.Tap.Name != c.IfName:
		return c.attachmentAlias() + "/" + c.Tap.Name
	}
	return c.attachmentAlias()
}

// attachmentAlias returns the part of the alias that all devices and filters of the attachment share.
func (c *Config) attachmentAlias() string {
	return "tap/" + aliasField(c.Network) + "/" + attachmentFields(c.ContainerID, c.IfName)
}

// attachmentFields returns the fields of an alias that identify an attachment within its network.
func attachmentFields(containerID, ifName string) string {
	return aliasField(containerID) + "/" + ifName
}

// aliasField returns s, or '#' and a hash of s if s is too long. No network name or container ID begins
// with '#' (CNI specification 1.1, section 2, "Parameters"), so a hash never equals another name. The
// hash only has to prevent accidental collisions: a user who can choose a name with the hash of another
// one can also choose that other name. A cryptographic hash would add 150 KB to the binary, and the
// start-up time of its packages.
func aliasField(s string) string {
	if len(s) <= maxAliasField {
		return s
	}
	sum := fnv.New128a()
	sum.Write([]byte(s)) //nolint:errcheck // never fails (hash.Hash)
	return "#" + hex.EncodeToString(sum.Sum(nil))
}

// IsAlias reports whether alias is the alias of a tap of this plugin.
func IsAlias(alias string) bool {
	_, _, ok := splitAlias(alias)
	return ok
}

// splitAlias returns the network field and the attachment fields of an alias. ok is false if the alias
// does not have the format of this plugin's aliases.
func splitAlias(alias string) (network, attachment string, ok bool) { //nolint:nonamedreturns // distinguishes two strings
	fields := strings.Split(alias, "/")
	if len(fields) < 4 || len(fields) > 5 || fields[0] != "tap" || slices.Contains(fields, "") {
		return "", "", false
	}
	return fields[1], fields[2] + "/" + fields[3], true
}

// Owns reports whether an alias, or the name of a filter, belongs to this attachment. The keys of the
// configuration do not matter: they may have changed since ADD.
func (c *Config) Owns(alias string) bool {
	network, attachment, ok := splitAlias(alias)
	return ok && network == aliasField(c.Network) && attachment == attachmentFields(c.ContainerID, c.IfName)
}

// OwnsEgress reports whether a device with this name and alias is the egress device of one of this
// attachment's taps. A device that was just created has no alias. It is recognized by its name, which
// depends on the tap's alias: with the current tapName and redirect, or without both.
func (c *Config) OwnsEgress(name, alias string) bool {
	if !isEgressOf(aliasField(c.Network), name) {
		return false
	}
	if tap, ok := strings.CutPrefix(alias, egressPrefix); ok {
		return c.Owns("tap" + tap)
	}
	return alias == "" && (name == EgressName(c.attachmentAlias()) || name == EgressName(c.Alias()))
}

// IsRedirect reports whether a tap with this alias is redirected to an interface.
func IsRedirect(alias string) bool { return strings.HasSuffix(alias, redirectField) }

// isEgressOf reports whether name is the name of an egress device in the network with this alias field.
func isEgressOf(networkField, name string) bool {
	return len(name) == len(egressPrefix)+egressNetworkChars+egressTapChars &&
		strings.HasPrefix(name, egressOfNetwork(networkField))
}

// Parts of the name of an egress device, in bytes: "ifb", 25 bits of a hash of the network and 35 bits of
// a hash of the tap's alias, 15 bytes in total. The kernel creates a device with a name but without an
// alias, so DEL and GC find it by its name if the plugin was killed before it set the alias.
const (
	egressPrefix       = "ifb"
	egressNetworkChars = 5
	egressTapChars     = 7
)

// EgressName returns the name of the egress device of the tap with this alias. The guest's egress
// traffic passes through that device if it is limited.
func EgressName(alias string) string {
	network, _, _ := splitAlias(alias)
	return egressOfNetwork(network) + hashText(alias)[:egressTapChars]
}

// egressOfNetwork returns the beginning that the names of all egress devices of a network share.
func egressOfNetwork(networkField string) string {
	return egressPrefix + hashText(networkField)[:egressNetworkChars]
}

// EgressAlias returns the alias of the egress device of the tap with this alias. It shows the operator
// which tap the device belongs to.
func EgressAlias(alias string) string { return egressPrefix + strings.TrimPrefix(alias, "tap") }

// hashText returns a hash of s of 60 bits, as 12 characters that are valid in an interface name, five
// bits each. The last characters of s affect only few bits of FNV-1a; the finalizer of MurmurHash3
// spreads them over all bits.
func hashText(s string) string {
	sum := fnv.New64a()
	sum.Write([]byte(s)) //nolint:errcheck // never fails (hash.Hash)
	h := sum.Sum64()
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	digits := strconv.FormatUint(h>>4, 32)
	return strings.Repeat("0", egressNetworkChars+egressTapChars-len(digits)) + digits
}
