package netconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
)

// mac returns the MAC address from the first of four sources that has one (CNI conventions, "Dynamic
// Plugin specific fields"): runtimeConfig, args.cni, CNI_ARGS, the key mac. It returns nil if none has
// one. All four are decoded, but only the address that applies is validated. args.cni and CNI_ARGS are
// about the interface CNI_IFNAME, so they do not apply if the tap is not that interface.
func (in *input) mac(isInterface bool) (net.HardwareAddr, error) {
	var keys struct {
		CNI json.RawMessage `json:"cni"`
	}
	var cni struct {
		MAC json.RawMessage `json:"mac"`
	}
	runtime, err := in.runtimeConfig()
	if err != nil {
		return nil, err
	}
	if err := decode("args", in.Args, &keys, "an object"); err != nil {
		return nil, err
	}
	if err := decode("args.cni", keys.CNI, &cni, "an object"); err != nil {
		return nil, err
	}
	fromRuntime, err := decodeMACString("runtimeConfig.mac", runtime.MAC)
	if err != nil {
		return nil, err
	}
	fromCNI, err := decodeMACString("args.cni.mac", cni.MAC)
	if err != nil {
		return nil, err
	}
	cniArgs, err := in.cniArgs()
	if err != nil {
		return nil, err
	}
	fromArgs := string(cniArgs.MAC)
	fromKey, err := decodeMACString("mac", in.MAC)
	if err != nil {
		return nil, err
	}
	switch {
	case fromRuntime != "":
		return parseKeyMAC("runtimeConfig.mac", fromRuntime)
	case fromCNI != "" && isInterface:
		return parseKeyMAC("args.cni.mac", fromCNI)
	case fromArgs != "" && isInterface:
		mac, err := parseMAC(fromArgs)
		if err != nil {
			return nil, in.cniArgsError(fmt.Errorf("MAC %s: %w", fromArgs, err), "allowed: "+macAllowed)
		}
		return mac, nil
	case fromKey != "":
		return parseKeyMAC("mac", fromKey)
	}
	return nil, nil
}

// parseKeyMAC parses the MAC address in the value of a key.
func parseKeyMAC(key, value string) (net.HardwareAddr, error) {
	mac, err := parseMAC(value)
	if err != nil {
		return nil, &KeyError{Key: key, Value: truncate([]byte(value)), Allowed: macAllowed, Err: err}
	}
	return mac, nil
}

const macAllowed = "a unicast 48-bit address such as 02:00:00:12:34:56"

// decodeMACString decodes the value of a key with a MAC address, but does not parse the address.
func decodeMACString(key string, raw json.RawMessage) (string, error) {
	var s string
	err := decode(key, raw, &s, macAllowed)
	return s, err
}

// parseMAC parses a unicast 48-bit MAC address.
func parseMAC(s string) (net.HardwareAddr, error) {
	mac, err := net.ParseMAC(s)
	if err != nil {
		return nil, errors.New("not a MAC address")
	}
	switch {
	case len(mac) != 6:
		return nil, fmt.Errorf("has %d bytes instead of 6", len(mac))
	case mac[0]&1 != 0:
		return nil, errors.New("is a multicast address")
	case mac.String() == "00:00:00:00:00:00":
		return nil, errors.New("is the zero address")
	}
	return mac, nil
}
