// Package ipam delegates to the IPAM plugin that the configuration names (CNI
// specification 1.1, section 4, "Plugin Delegation"). It runs the plugin itself:
// the CNI library's pkg/invoke would cost a third of the start-up time.
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

// Errors of Find.
var (
	ErrNotFound = cni.Kind{Code: cni.CodeIPAM, Advice: "install the IPAM plugin into one of the folders of CNI_PATH, which the message lists"}.
			New("no such executable in CNI_PATH")
	ErrSelf = cni.Kind{Code: types.ErrInvalidNetworkConfig, Advice: "ipam.type must name an IPAM plugin such as host-local, static or dhcp"}.
		New("leads to this very plugin, which would run itself without end")
)

// mark is in the environment of every IPAM plugin that we start. Whoever carries it
// and looks for an IPAM plugin of its own is us again, by way of a copy, a script or
// another plugin: the same configuration would lead to the same place without end.
const mark = "TAP_RUNS_AS_IPAM=1"

// Plugin is an IPAM plugin that was found.
type Plugin struct{ name, path string }

// Find looks for a regular executable of that name directly in the folders of
// CNI_PATH, the first wins. Empty and relative entries are skipped: they would
// depend on where the runtime happens to run.
func Find(name, cniPath string) (*Plugin, error) {
	if slices.Contains(os.Environ(), mark) {
		return nil, fmt.Errorf("IPAM plugin %q: %w", name, ErrSelf)
	}
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return nil, fmt.Errorf("stat own executable: %w", err)
	}
	var passed strings.Builder // what was passed over, for the operator
	for _, dir := range filepath.SplitList(cniPath) {
		if !filepath.IsAbs(dir) {
			fmt.Fprintf(&passed, "; %q is not absolute", dir)
			continue
		}
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil: // whatever the reason, it is not to be run from here, and the next folder may have it
			fmt.Fprintf(&passed, "; %v", err)
			continue
		case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
			fmt.Fprintf(&passed, "; %s is no executable file", path)
			continue
		}
		if os.SameFile(self, info) {
			return nil, fmt.Errorf("IPAM plugin %q: %s %w", name, path, ErrSelf)
		}
		return &Plugin{name: name, path: path}, nil
	}
	return nil, fmt.Errorf("IPAM plugin %q: %w (%s%s)", name, ErrNotFound, cniPath, passed.String())
}
