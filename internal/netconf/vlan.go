package netconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// VLANs describes the VLANs of a bridge port. With the zero value the port keeps the VLANs that the bridge
// gives to a new port.
type VLANs struct {
	Native      int         // VLAN ID of untagged frames in both directions, 1 to 4094; 0 if no VLANs are requested
	Tagged      []VLANRange // ascending, not adjacent, and without Native
	DropDefault bool        // remove the bridge's default VLAN from the port, unless it is Native or in Tagged
}

// VLANRange is the range of VLAN IDs from First to Last, inclusive.
type VLANRange struct{ First, Last int }

const (
	maxVLAN = 4094 // IEEE 802.1Q: the ID has 12 bits, 4095 is reserved, and 0 means "no VLAN"
	// trunkNative is the native VLAN of a trunk without the key vlan, as in the bridge plugin of
	// containernetworking/plugins (v1.9.1, plugins/main/bridge/bridge.go, setupVeth).
	trunkNative = 1
)

// vlans returns the VLANs of the port. The keys have the names and the meaning of the bridge plugin's. A
// VLAN that is both native and in the trunk is native.
func (raw *rawConfig) vlans(bridge string) (VLANs, error) {
	native, err := decodeInteger("vlan", raw.VLAN, 0, maxVLAN, fmt.Sprintf("an integer from 1 to %d, or 0 for none", maxVLAN))
	if err != nil {
		return VLANs{}, err
	}
	if native != 0 && bridge == "" {
		return VLANs{}, needsBridgeError("vlan", raw.VLAN)
	}
	trunk, err := raw.vlanTrunk()
	if err != nil {
		return VLANs{}, err
	}
	if trunk != nil && bridge == "" {
		return VLANs{}, needsBridgeError("vlanTrunk", raw.VLANTrunk)
	}
	preserve := false // default of the bridge plugin v1.9.1: a guest stays within its VLAN
	if err := decode("preserveDefaultVlan", raw.PreserveVLAN, &preserve, "true or false"); err != nil {
		return VLANs{}, err
	}
	if preserve && bridge == "" {
		return VLANs{}, needsBridgeError("preserveDefaultVlan", raw.PreserveVLAN)
	}
	if native == 0 && trunk == nil {
		return VLANs{}, nil // a port without requested VLANs keeps the default VLAN
	}
	if native == 0 {
		native = trunkNative
	}
	vlans := VLANs{Native: int(native), DropDefault: !preserve}
	if trunk != nil {
		trunk[native] = false
		vlans.Tagged = trunk.ranges()
	}
	return vlans, nil
}

// needsBridgeError returns the error for a setting of a bridge port without the key bridge.
func needsBridgeError(key string, value json.RawMessage) error {
	return &KeyError{
		Key: key, Value: truncate(value), Allowed: key + " together with bridge",
		Err: errors.New(`requires the key "bridge"`),
	}
}

// vlanTrunk returns the VLANs of the key vlanTrunk, or nil if the list is empty or absent.
func (raw *rawConfig) vlanTrunk() (*vlanSet, error) {
	var entries []json.RawMessage
	err := decode("vlanTrunk", raw.VLANTrunk, &entries, "a list of objects, each "+trunkAllowed)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	trunk := &vlanSet{}
	for i, entry := range entries {
		if err := trunk.addEntry(fmt.Sprintf("vlanTrunk[%d]", i), entry); err != nil {
			return nil, err
		}
	}
	return trunk, nil
}

const trunkAllowed = "with id, or with minID and maxID together, or with all three"

// vlanSet is a set of VLAN IDs from 1 to 4094.
type vlanSet [maxVLAN + 1]bool

// addEntry adds the VLANs of an entry of vlanTrunk. An unknown key is an error: the VLAN of a misspelt key
// would be missing.
func (s *vlanSet) addEntry(key string, raw json.RawMessage) error {
	var entry struct {
		ID    json.RawMessage `json:"id"`
		MinID json.RawMessage `json:"minID"`
		MaxID json.RawMessage `json:"maxID"`
	}
	invalid := func(err error) error {
		return &KeyError{Key: key, Value: truncate(raw), Allowed: "an object " + trunkAllowed, Err: err}
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&entry); err != nil {
		return invalid(err)
	}
	switch {
	case absent(entry.ID) && absent(entry.MinID) && absent(entry.MaxID):
		return invalid(errors.New("it has no VLAN ID"))
	case absent(entry.MinID) != absent(entry.MaxID):
		return invalid(errors.New("a range needs both minID and maxID"))
	}
	id, err := trunkID(key+".id", entry.ID)
	if err != nil {
		return err
	}
	first, err := trunkID(key+".minID", entry.MinID)
	if err != nil {
		return err
	}
	last, err := trunkID(key+".maxID", entry.MaxID)
	if err != nil {
		return err
	}
	if first > last {
		return &KeyError{
			Key: key + ".minID", Value: truncate(entry.MinID), Allowed: "a minID that is not above maxID",
			Err: fmt.Errorf("is above maxID %d", last),
		}
	}
	s.add(id, id)
	s.add(first, last)
	return nil
}

// trunkID returns a VLAN ID, or 0 if the key is absent.
func trunkID(key string, raw json.RawMessage) (int64, error) {
	if absent(raw) {
		return 0, nil
	}
	return decodeInteger(key, raw, 1, maxVLAN, fmt.Sprintf("an integer from 1 to %d", maxVLAN))
}

// add adds the VLANs from first to last. It adds none if first is 0.
func (s *vlanSet) add(first, last int64) {
	for v := first; v <= last && v != 0; v++ {
		s[v] = true
	}
}

// ranges returns the set as ascending ranges, with a gap between any two.
func (s *vlanSet) ranges() []VLANRange {
	var list []VLANRange
	for v, has := range s {
		switch last := len(list) - 1; {
		case !has:
		case last >= 0 && list[last].Last == v-1:
			list[last].Last = v
		default:
			list = append(list, VLANRange{First: v, Last: v})
		}
	}
	return list
}
