// Command tap is a CNI plugin that puts a tap device into a container's network
// namespace, for an unprivileged process there to attach to.
package main

import (
	"os"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"

	"tap/internal/plugin"
	"tap/internal/selinux"
)

// buildVersion is set by the Makefile (-ldflags "-X main.buildVersion=…").
var buildVersion = "devel"

func main() {
	if selinux.IsChild(os.Args) {
		os.Exit(selinux.Child(os.Args))
	}
	skel.PluginMainFuncs(skel.CNIFuncs{
		Add:    func(args *skel.CmdArgs) error { return plugin.Add(args, os.Stdout) },
		Del:    plugin.Del,
		Check:  plugin.Check,
		Status: plugin.Status,
	}, version.All, "CNI plugin tap "+buildVersion)
}
