// Command tap is a CNI plugin that puts a tap device into a container's network
// namespace, for an unprivileged process there to attach to.
package main

import (
	"math"
	"os"

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
	skel.PluginMainFuncs(skel.CNIFuncs{
		Add:    func(args *skel.CmdArgs) error { return plugin.Add(args, os.Stdout) },
		Del:    plugin.Del,
		Check:  plugin.Check,
		GC:     plugin.GC,
		Status: plugin.Status,
	}, version.All, "CNI plugin tap "+buildVersion)
}
