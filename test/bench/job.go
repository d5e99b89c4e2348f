package main

import (
	"encoding/json"
	"fmt"
)

// The address ranges that host-local gives from; none leaves IPAM out.
const (
	noIPAM = ""
	ipv4   = "10.9.0.0/16"
	ipv6   = "fd09::/64"
)

// job is what a runtime asks of a plugin.
type job struct {
	verb   string
	subnet string // of host-local
	owned  bool   // by a user and a group
}

// configuration is what the plugin reads on its standard input.
func (j job) configuration(store string, prevResult json.RawMessage) ([]byte, error) {
	conf := map[string]any{"cniVersion": "1.0.0", "name": "bench", "type": "tap"}
	if j.owned {
		conf["owner"], conf["group"] = 1000, 1000
	}
	if j.subnet != noIPAM {
		conf["ipam"] = map[string]any{
			"type": "host-local", "dataDir": store,
			"ranges": []any{[]any{map[string]any{"subnet": j.subnet}}},
		}
	}
	if prevResult != nil {
		conf["prevResult"] = prevResult
	}
	text, err := json.Marshal(conf)
	if err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	return text, nil
}
