package netconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// VLANs are those of a bridge's port. With the zero value the port has those that the
// bridge gives to a new one.
type VLANs struct {
	Native      int         // of frames without a tag, in both directions, 1 to 4094; 0: no VLANs are asked for
	Tagged      []VLANRange // ascending, with a gap between any two, and without Native
	DropDefault bool        // the bridge's default VLAN is taken from the port, unless it is among these
}

// VLANRange are the VLANs from First to Last, both included.
type VLANRange struct{ First, Last int }

const (
	maxVLAN = 4094 // the 12 bits of IEEE 802.1Q less 4095, which is reserved; 0 is "no VLAN"
	// trunkNative is the native VLAN of a trunk that names none, as the reference's bridge
	// plugin has it (v1.9.1, plugins/main/bridge/bridge.go, setupVeth).
	trunkNative = 1
)

// vlans reads the keys of the bridge plugin. A VLAN that is both native and in the trunk is native.
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
	preserve := false // as in the bridge plugin v1.9.1: a guest stays within its VLAN
	if err := decode("preserveDefaultVlan", raw.PreserveVLAN, &preserve, "true or false"); err != nil {
		return VLANs{}, err
	}
	if preserve && bridge == "" {
		return VLANs{}, needsBridgeError("preserveDefaultVlan", raw.PreserveVLAN)
	}
	if native == 0 && trunk == nil {
		return VLANs{}, nil // a port without VLANs of its own keeps the default
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

// needsBridgeError is the error of a key that is about a port, where the tap is none.
func needsBridgeError(key string, value json.RawMessage) error {
	return &KeyError{
		Key: key, Value: truncate(value), Allowed: key + " together with bridge",
		Err: errors.New("it is a setting of a bridge's port, and the tap is none"),
	}
}

// vlanTrunk reads a list of VLANs and ranges; nil: there are none.
func (raw *rawConfig) vlanTrunk() (*vlanSet, error) {
	var entries []json.RawMessage
	if err := decode("vlanTrunk", raw.VLANTrunk, &entries, "a list of objects, each "+trunkAllowed); err != nil || len(entries) == 0 {
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

// vlanSet has the VLANs 1 to 4094, by their number.
type vlanSet [maxVLAN + 1]bool

// addEntry adds what an entry of vlanTrunk names. A misspelt key is an error: its VLAN would be missing.
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
		return invalid(errors.New("it names no VLAN"))
	case absent(entry.MinID) != absent(entry.MaxID):
		return invalid(errors.New("a range needs both its ends"))
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
			Err: fmt.Errorf("it is above the maxID, %d", last),
		}
	}
	s.add(id, id)
	s.add(first, last)
	return nil
}

// trunkID is 0 where it is absent.
func trunkID(key string, raw json.RawMessage) (int64, error) {
	if absent(raw) {
		return 0, nil
	}
	return decodeInteger(key, raw, 1, maxVLAN, fmt.Sprintf("an integer from 1 to %d", maxVLAN))
}

// add adds a range, unless its ends are 0.
func (s *vlanSet) add(first, last int64) {
	for v := first; v <= last && v != 0; v++ {
		s[v] = true
	}
}

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
