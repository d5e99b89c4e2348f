// Command tap is a CNI plugin that creates a tap device in a container's network namespace. An unprivileged
// process in the container can attach to it.
package main

import (
	"math"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/selinux"
	"tap/internal/verb"
)

// buildVersion is set by the Makefile (-ldflags "-X main.buildVersion=…").
var buildVersion = "devel"

// The main goroutine stays on the main thread, to which the kernel delivers the signals of a process (Linux 6.12,
// kernel/signal.c, complete_signal). So no verb goes on while another thread is about to die of a signal. A verb
// that catches signals unlocks it (package cni, Signals.Catch).
func init() { runtime.LockOSThread() }

func main() {
	growStack()
	// Mark inherited descriptors close-on-exec, so that children do not inherit descriptors that the runtime
	// leaked. Kernels before 5.11 do not support the flag: there the children inherit them.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if selinux.IsChild(os.Args) {
		os.Exit(selinux.Child(os.Args))
	}
	verbs := cni.Verbs{Add: verb.Add, Del: verb.Del, Check: verb.Check, Status: verb.Status, GC: verb.GC}
	if err := cni.Main(buildVersion, verbs); err != nil {
		os.Exit(1)
	}
}

// growStack grows the stack of the main goroutine to the size that a verb needs, while there is little to copy.
// If the stack grows later, several times and deep in a verb, the copies cost 3 % of an ADD.
//
//go:noinline
func growStack() byte {
	var room [12 << 10]byte
	return room[len(os.Args)]
}
