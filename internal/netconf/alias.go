package netconf

import (
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// maxAliasField keeps the whole alias within IFALIASZ less its NUL, 255 bytes
// (include/uapi/linux/if.h): "tap/" + 107 + "/" + 107 + "/" + 15 + "/" + 15 = 251.
const maxAliasField = 107

// Alias names the attachment on the device itself, tap/<network>/<container ID>/<ifname>,
// and /<tapName> where the tap is not the interface of that name, or /:redirect where it
// takes over that interface. It is compared
// whole or field by field, never by prefix; none of the fields can contain a slash.
func (c *Config) Alias() string {
	switch {
	case c.Tap.Redirect: // of which an attachment has one, whatever its name
		return c.attachment() + redirectField
	case c.Tap.Name != c.IfName:
		return c.attachment() + "/" + c.Tap.Name
	}
	return c.attachment()
}

func (c *Config) attachment() string {
	return "tap/" + aliasField(c.Network) + "/" + attachmentFields(c.ContainerID, c.IfName)
}

func attachmentFields(containerID, ifName string) string {
	return aliasField(containerID) + "/" + ifName
}

// aliasField replaces what would not fit by its hash. No network name or
// container ID begins with '#' (CNI specification 1.1, section 2, "Parameters"),
// so a hash never equals another's name. It tells names apart that meet by chance; who
// would choose a name to collide with another's could choose that name as well. (A
// cryptographic hash costs 150 KB of the binary, and their start-up.)
func aliasField(s string) string {
	if len(s) <= maxAliasField {
		return s
	}
	sum := fnv.New128a()
	sum.Write([]byte(s)) //nolint:errcheck // never fails (hash.Hash)
	return "#" + hex.EncodeToString(sum.Sum(nil))
}

// splitAlias takes an alias apart; ok says whether it is one of this plugin's.
func splitAlias(alias string) (network, attachment string, ok bool) { //nolint:nonamedreturns // three strings in a row need names
	fields := strings.Split(alias, "/")
	if len(fields) < 4 || len(fields) > 5 || fields[0] != "tap" || slices.Contains(fields, "") {
		return "", "", false
	}
	return fields[1], fields[2] + "/" + fields[3], true
}

// Owns says whether an alias, or the name of a filter, is one of this attachment's,
// whatever its configuration said when it was made.
func (c *Config) Owns(alias string) bool {
	network, attachment, ok := splitAlias(alias)
	return ok && network == aliasField(c.Network) && attachment == attachmentFields(c.ContainerID, c.IfName)
}

// OwnsEgress says whether the device of that name and alias is the egress device of one
// of this attachment's taps, or of one that has one of the aliases. One that was just
// born has no alias: its name is that of a tap with today's keys, or with none.
func (c *Config) OwnsEgress(name, alias string) bool {
	if !isEgressOf(aliasField(c.Network), name) {
		return false
	}
	return c.Owns("tap"+strings.TrimPrefix(alias, egressPrefix)) || alias == "" && (name == EgressName(c.attachment()) || name == EgressName(c.Alias()))
}

// IsRedirect says whether a tap of that alias is redirected to an interface.
func IsRedirect(alias string) bool { return strings.HasSuffix(alias, redirectField) }

func isEgressOf(networkField, name string) bool {
	return len(name) == len(egressPrefix)+egressNetworkChars+egressTapChars && strings.HasPrefix(name, egressOfNetwork(networkField))
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

// hashText is a hash of characters that an interface name may have, five bits each,
// 60 in all. FNV-1a leaves the last characters of a text in few bits; the finalizer of
// MurmurHash3 spreads them over all.
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

// PrevResultIndex returns the index of the entry of prevResult for an interface with this name in
// the attachment's network namespace, or -1 if there is none. The last matching entry counts: a
// plugin appends its own interfaces.
func (c *Config) PrevResultIndex(name string) int {
	found := -1
	if c.PrevResult == nil {
		return found
	}
	for i, entry := range c.PrevResult.Interfaces {
		if entry.Name == name && entry.Sandbox == c.Netns {
			found = i
		}
	}
	return found
}
