// Package e2e drives the built plugin as runtimes do, in real namespaces with
// real devices.
package e2e

import (
	"encoding/json"
	"maps"
	"testing"
)

// m is a JSON object.
type m = map[string]any

// Codes that the tests expect; docs/errors.md explains them.
const (
	codeEnvironment  = 4
	codeConfig       = 7
	codeNetns        = 8
	codeTryLater     = 11
	codeNotAvailable = 50
	codeLimited      = 51
	codeNameTaken    = 100
	codeDevice       = 101
	codeIPAM         = 102
	codeLayer3       = 103
	codeCheck        = 104
	codeLabel        = 105
	codeBridge       = 106
	codeInterrupted  = 107
	codeBandwidth    = 109
	codeTakeOver     = 110
)

// conf is a configuration of cniVersion 1.1.0 with the given keys added.
func conf(t testing.TB, keys ...m) string {
	t.Helper()
	all := m{"cniVersion": "1.1.0", "name": "vms", "type": "tap"}
	for _, k := range keys {
		maps.Copy(all, k)
	}
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// hostLocal is host-local with an IPv4 and an IPv6 range.
func hostLocal(extra ...m) m {
	ipam := m{
		"type": "host-local", "dataDir": "$STORE",
		"ranges": []any{[]any{m{"subnet": "10.1.0.0/24"}}, []any{m{"subnet": "2001:db8::/64"}}},
	}
	for _, e := range extra {
		maps.Copy(ipam, e)
	}
	return m{"ipam": ipam}
}

// fake is the fake IPAM plugin, told what to do.
func fake(extra ...m) m {
	ipam := m{"type": "fake", "store": "$STORE"}
	for _, e := range extra {
		maps.Copy(ipam, e)
	}
	return m{"ipam": ipam}
}

// owned restricts the tap to a user and a group that this machine has no names for.
func owned() m { return m{"owner": 64001, "group": 64002} }
