package netconf

import (
	"errors"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// Inventory is all attachments of one network that a runtime knows of.
type Inventory struct {
	network string // as in aliases
	known   map[string]bool
}

// ParseGC reads only what GC acts on: a configuration that ADD would refuse today
// may have garbage from yesterday.
func ParseGC(args *Args) (*Config, *Inventory, error) {
	raw, conf, err := parseIdentity(args)
	if err != nil {
		return nil, nil, err
	}
	if conf.NetnsDirs, err = raw.netnsDirs(); err != nil {
		return nil, nil, err
	}
	if conf.IPAM, err = raw.ipamType(); err != nil {
		return nil, nil, err
	}
	inventory, err := raw.inventory()
	if err != nil {
		return nil, nil, err
	}
	return conf, inventory, nil
}

func (raw *rawConfig) inventory() (*Inventory, error) {
	const key, allowed = "cni.dev/valid-attachments", "a list of objects with containerID and ifname; [] or null means that none is valid, and all taps of the network go"
	value := raw.ValidAttachments
	if value == nil {
		value = raw.Attachments
	}
	if value == nil { // not even null: nobody said that all attachments are garbage
		return nil, &KeyError{Key: key, Value: "none", Allowed: allowed, Err: errors.New("GC does not know what to keep")}
	}
	var list []types.GCAttachment
	if err := decode(key, value, &list, allowed); err != nil {
		return nil, err
	}
	inventory := &Inventory{network: aliasField(raw.Name), known: make(map[string]bool, len(list))}
	for _, a := range list {
		if a.ContainerID == "" || a.IfName == "" {
			return nil, &KeyError{Key: key, Value: truncate(value), Allowed: allowed, Err: errors.New("an entry names no attachment")}
		}
		inventory.known[attachmentFields(a.ContainerID, a.IfName)] = true
	}
	return inventory, nil
}

// Stale says whether an alias is that of a tap of this network whose attachment
// nobody knows of.
func (i *Inventory) Stale(alias string) bool {
	network, attachment, ok := splitAlias(alias)
	return ok && network == i.network && !i.known[attachment]
}

// StaleHook says whether a filter of that name is one of this network's on an interface
// that an attachment took over of which nobody knows.
func (i *Inventory) StaleHook(name string) bool { return IsHookName(name) && i.Stale(name) }

// Egress says whether the device of that name and alias is one that limits what
// a guest of this network sends. One that was just born has no alias.
func (i *Inventory) Egress(name, alias string) bool {
	if !isEgressOf(i.network, name) {
		return false
	}
	return alias == "" || strings.HasPrefix(alias, egressPrefix+"/"+i.network+"/")
}
