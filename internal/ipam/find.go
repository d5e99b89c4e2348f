// Package ipam delegates to the IPAM plugin of the configuration (CNI specification 1.1, section 4, "Plugin
// Delegation"). It executes the plugin without the CNI library's pkg/invoke, which would cost a third of the
// start-up time.
package ipam

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
)

var (
	// ErrNotFound is returned by Find if no directory of CNI_PATH has the plugin.
	ErrNotFound = cni.Kind{
		Code: cni.CodeIPAM, Advice: "install the IPAM plugin in one of the directories of CNI_PATH, which the message lists",
	}.New("no such executable in CNI_PATH")
	// ErrSelf is returned by Find if the IPAM plugin is this plugin.
	ErrSelf = cni.Kind{
		Code:   types.ErrInvalidNetworkConfig,
		Advice: "ipam.type must name an IPAM plugin such as host-local, static or dhcp",
	}.New("leads to this plugin itself, which would run in an endless loop")
)

// recursionMark is in the environment of every IPAM plugin that this plugin starts. If a process with this
// mark looks up an IPAM plugin, it is this plugin again, executed through a copy, a script or another plugin:
// the same configuration would start it in an endless loop.
const recursionMark = "TAP_RUNS_AS_IPAM=1"

// Plugin is an installed IPAM plugin.
type Plugin struct{ name, path string }

// Find returns the first regular executable file with this name in the directories of CNI_PATH. It does not
// search subdirectories. It skips empty and relative entries, which depend on the working directory of the
// runtime.
func Find(name, cniPath string) (*Plugin, error) {
	if slices.Contains(os.Environ(), recursionMark) {
		return nil, fmt.Errorf("IPAM plugin %q: %w", name, ErrSelf)
	}
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return nil, fmt.Errorf("stat own executable: %w", err)
	}
	var skipped strings.Builder // entries that were skipped and why, for the operator
	for _, dir := range filepath.SplitList(cniPath) {
		if !filepath.IsAbs(dir) {
			fmt.Fprintf(&skipped, "; %q is not an absolute path", dir)
			continue
		}
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil: // the next directory may have the plugin
			fmt.Fprintf(&skipped, "; %v", err)
			continue
		case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
			fmt.Fprintf(&skipped, "; %s is not an executable file", path)
			continue
		}
		if os.SameFile(self, info) {
			return nil, fmt.Errorf("IPAM plugin %q: %s %w", name, path, ErrSelf)
		}
		return &Plugin{name: name, path: path}, nil
	}
	return nil, fmt.Errorf("IPAM plugin %q: %w (%s%s)", name, ErrNotFound, cniPath, skipped.String())
}
