package netconf

import (
	"errors"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// ValidAttachments is the set of attachments of one network that the runtime passes to GC (CNI
// specification 1.1, "cni.dev/valid-attachments").
type ValidAttachments struct {
	network string          // as it appears in aliases
	valid   map[string]bool // by container ID and interface name, as they appear in aliases
}

// ParseGC parses only the keys that GC needs, so that GC also works with a configuration that
// ADD rejects: its stale devices may date from an earlier version of the configuration.
func ParseGC(args *Args) (*Config, *ValidAttachments, error) {
	in, conf, err := parseIdentity(args)
	if err != nil {
		return nil, nil, err
	}
	if conf.NetnsDirs, err = in.netnsDirs(); err != nil {
		return nil, nil, err
	}
	if conf.IPAM, err = in.ipamType(); err != nil {
		return nil, nil, err
	}
	valid, err := in.validAttachments()
	if err != nil {
		return nil, nil, err
	}
	return conf, valid, nil
}

func (raw *rawConfig) validAttachments() (*ValidAttachments, error) {
	const key = "cni.dev/valid-attachments"
	const allowed = "a list of objects with containerID and ifname; " +
		"[] or null means that no attachment is valid, and removes all taps of the network"
	value := raw.ValidAttachments
	if value == nil {
		value = raw.Attachments
	}
	if value == nil { // an absent key is not an empty list: treating it as one would delete every tap
		return nil, &KeyError{
			Key: key, Value: "none", Allowed: allowed, Err: errors.New("GC does not know which attachments to keep"),
		}
	}
	var list []types.GCAttachment
	if err := decode(key, value, &list, allowed); err != nil {
		return nil, err
	}
	attachments := &ValidAttachments{network: aliasField(raw.Name), valid: make(map[string]bool, len(list))}
	for _, a := range list {
		if a.ContainerID == "" || a.IfName == "" {
			return nil, &KeyError{
				Key: key, Value: truncate(value), Allowed: allowed, Err: errors.New("an entry has no containerID or no ifname"),
			}
		}
		attachments.valid[attachmentFields(a.ContainerID, a.IfName)] = true
	}
	return attachments, nil
}

// Stale reports whether alias belongs to a tap of this network whose attachment is not valid.
func (v *ValidAttachments) Stale(alias string) bool {
	network, attachment, ok := splitAlias(alias)
	return ok && network == v.network && !v.valid[attachment]
}

// StaleHook reports whether name is the name of a filter that an attachment of this network
// installed on its interface for redirect, and that attachment is not valid.
func (v *ValidAttachments) StaleHook(name string) bool { return IsHookName(name) && v.Stale(name) }

// IsEgress reports whether a device with this name and alias is an egress device of this network.
// A device without an alias is recognized by its name: ADD sets the alias after creating it.
func (v *ValidAttachments) IsEgress(name, alias string) bool {
	if !isEgressOf(v.network, name) {
		return false
	}
	return alias == "" || strings.HasPrefix(alias, egressPrefix+"/"+v.network+"/")
}
