package netconf

import current "github.com/containernetworking/cni/pkg/types/100"

// prevResult decodes the result of the previous plugin of the chain and converts it to the current
// version. It returns nil if the runtime passed no result.
func (raw *rawConfig) prevResult() (*current.Result, error) {
	if absent(raw.PrevResult) {
		return nil, nil
	}
	result, err := DecodeResult(raw.PrevResult, raw.CNIVersion)
	if err != nil {
		return nil, &KeyError{
			Key: "prevResult", Value: truncate(raw.PrevResult), Allowed: "a CNI result of version " + raw.CNIVersion, Err: err,
		}
	}
	return result, nil
}

// PrevResultIndex returns the index of the entry of prevResult for an interface with this name in
// the attachment's network namespace, or -1 if prevResult has no such entry. The last matching entry
// counts: a plugin appends its own interfaces.
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
