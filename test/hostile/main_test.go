// Package hostile attacks the plugin with the privileges of the actors in docs/threat-model.md. A pod process has CAP_NET_ADMIN over the
// pod's network namespace only: it runs in a user namespace of its own that owns the network namespace. A guest has no capability, and
// has opened the tap.
//
// Each attack is this test program, which executes itself in the place of the attacker. The bounds that the tests assert are the
// promises of the threat model, not times that a machine usually needs.
//
// HOSTILE=all runs the attacks in their full size, which takes some minutes and 2 GB of kernel memory.
package hostile

import (
	"os"
	"testing"

	"tap/test/isolate"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == attackerArg {
		os.Exit(runAttacker(os.Args[2], os.Args[3:]))
	}
	os.Exit(isolate.Run(m.Run))
}

// full reports whether the attacks have their full size.
func full() bool { return os.Getenv("HOSTILE") == "all" }
