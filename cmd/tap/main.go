// Command tap is a CNI plugin that puts a tap device into a container's network
// namespace, for an unprivileged process there to attach to.
package main

import (
	"fmt"
	"math"
	"os"
	"os/signal"
	"syscall"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"

	"tap/internal/plugin"
	"tap/internal/selinux"
)

// buildVersion is set by the Makefile (-ldflags "-X main.buildVersion=…").
var buildVersion = "devel"

func main() {
	// What the runtime left open by mistake no child of ours needs. Kernels before 5.11
	// do not know the call: there the children get what the runtime gave us.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if selinux.IsChild(os.Args) {
		os.Exit(selinux.Child(os.Args))
	}
	if err := converse(); err != nil {
		os.Exit(1)
	}
}

// converse answers the runtime; an error is written already.
func converse() error {
	// A pipe that nobody reads is an error, which can be undone or passed over, and not
	// death (os/signal, "SIGPIPE"). Children do not inherit it, as they would an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	spoken := "" // cniVersion of the configuration, once it is known
	failure := plugin.Environment()
	if failure == nil {
		failure = skel.PluginMainFuncsWithError(skel.CNIFuncs{
			Add:    plugin.Speaking(&spoken, func(args *skel.CmdArgs) error { return plugin.Add(args, os.Stdout) }),
			Del:    plugin.Speaking(&spoken, plugin.Del),
			Check:  plugin.Speaking(&spoken, plugin.Check),
			GC:     plugin.Speaking(&spoken, plugin.GC),
			Status: plugin.Speaking(&spoken, plugin.Status),
		}, plugin.Versions{PluginInfo: version.All}, "CNI plugin tap "+buildVersion)
	}
	if failure == nil {
		return nil
	}
	if err := plugin.PrintError(os.Stdout, spoken, failure); err != nil {
		fmt.Fprintf(os.Stderr, "tap: %v\n", err)
	}
	return failure
}
