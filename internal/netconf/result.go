package netconf

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
)

// DecodeResult decodes a CNI result and converts it to the current version. A result without cniVersion
// has the version of the configuration, confVersion. DecodeResult rejects results that the CNI library
// accepts but panics on later: with an entry that is null, or without an address or a destination.
func DecodeResult(data []byte, confVersion string) (*current.Result, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUndecodable, err)
	}
	if fields == nil {
		return nil, fmt.Errorf("%w: null instead of an object", ErrUndecodable)
	}
	if err := rejectNullEntries(fields); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUndecodable, err)
	}
	data, own, err := addVersion(data, fields, confVersion)
	if err != nil {
		return nil, err
	}
	result, err := create.Create(own, data)
	if err != nil {
		return nil, fmt.Errorf("decode result of version %s: %w", own, err)
	}
	converted, err := current.NewResultFromResult(result)
	if err != nil {
		return nil, fmt.Errorf("convert result of version %s: %w", own, err)
	}
	if err := validateResult(converted); err != nil {
		return nil, fmt.Errorf("result of version %s: %w", own, err)
	}
	return converted, nil
}

// addVersion adds the cniVersion of the configuration to a result without one. It returns the result and
// its cniVersion.
func addVersion(data []byte, fields map[string]json.RawMessage, confVersion string) ([]byte, string, error) {
	var own struct {
		CNIVersion string `json:"cniVersion"`
	}
	if err := json.Unmarshal(data, &own); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrUndecodable, err)
	}
	if own.CNIVersion != "" {
		return data, own.CNIVersion, nil
	}
	named, err := json.Marshal(confVersion)
	if err != nil {
		return nil, "", fmt.Errorf("encode cniVersion %q: %w", confVersion, err)
	}
	fields["cniVersion"] = named
	data, err = json.Marshal(fields)
	if err != nil {
		return nil, "", fmt.Errorf("encode result: %w", err)
	}
	return data, confVersion, nil
}

// rejectNullEntries rejects null in the lists of a result that the CNI library decodes into lists of
// pointers. encoding/json matches the keys case-insensitively.
func rejectNullEntries(fields map[string]json.RawMessage) error {
	for key, raw := range fields {
		switch strings.ToLower(key) {
		case "interfaces", "ips", "routes":
		default:
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			continue // not a list: the CNI library returns an error for it
		}
		if slices.ContainsFunc(list, absent) {
			return fmt.Errorf("%s: an entry is null", key)
		}
	}
	return nil
}

// validateResult rejects a result that lacks an address or a destination, or that the CNI library
// cannot encode again without changing a number.
func validateResult(result *current.Result) error {
	for i, entry := range result.Interfaces {
		if !fitsFloat64(entry.Mtu) {
			return fmt.Errorf("interfaces[%d].mtu: %d is out of range", i, entry.Mtu)
		}
	}
	for i, ip := range result.IPs {
		if ip.Address.IP == nil {
			return fmt.Errorf("ips[%d] has no address", i)
		}
		if ip.Interface != nil && !fitsFloat64(*ip.Interface) {
			return fmt.Errorf("ips[%d].interface: %d is out of range", i, *ip.Interface)
		}
	}
	for i, route := range result.Routes {
		if route.Dst.IP == nil {
			return fmt.Errorf("routes[%d] has no destination", i)
		}
		for _, field := range []struct {
			key   string
			value *int
		}{
			{"mtu", &route.MTU}, {"advmss", &route.AdvMSS}, {"priority", &route.Priority},
			{"table", route.Table}, {"scope", route.Scope},
		} {
			if field.value != nil && !fitsFloat64(*field.value) {
				return fmt.Errorf("routes[%d].%s: %d is out of range", i, field.key, *field.value)
			}
		}
	}
	return nil
}

// fitsFloat64 reports whether n survives a conversion to float64 unchanged. The CNI library
// encodes results through float64, which changes integers beyond 2^53 and makes the largest
// ones unreadable.
func fitsFloat64(n int) bool {
	const most = 1 << 53
	return -most <= n && n <= most
}
