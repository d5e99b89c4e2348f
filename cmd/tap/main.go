// Command tap is a CNI plugin that puts a tap device into a container's network
// namespace, for an unprivileged process there to attach to.
package main

import (
	"math"
	"os"

	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/selinux"
	"tap/internal/verb"
)

// buildVersion is set by the Makefile (-ldflags "-X main.buildVersion=…").
var buildVersion = "devel"

func main() {
	growStack()
	// What the runtime left open by mistake no child of ours needs. Kernels before 5.11
	// do not know the call: there the children get what the runtime gave us.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if selinux.IsChild(os.Args) {
		os.Exit(selinux.Child(os.Args))
	}
	verbs := cni.Verbs{Add: verb.Add, Del: verb.Del, Check: verb.Check, Status: verb.Status, GC: verb.GC}
	if err := cni.Main(buildVersion, verbs); err != nil {
		os.Exit(1)
	}
}

// growStack makes the stack as large as a verb needs while it is still shallow: where
// it grows later, deep in a verb and several times, copying it costs 3 % of an ADD.
//
//go:noinline
func growStack() byte {
	var room [12 << 10]byte
	return room[len(os.Args)]
}
