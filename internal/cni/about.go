package cni

import (
	"fmt"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/version"
)

// printAbout writes to standard error what the plugin is, for an operator who runs it by hand. A runtime
// never sees it.
func printAbout(build string) {
	self, err := os.Executable()
	if err != nil { // /proc is not mounted
		self = os.Args[0]
	}
	fmt.Fprintf(Stderr, `CNI plugin tap %s: creates a tap device in a container's network namespace for a VMM or network stack
CNI protocol versions supported: %s
Container runtimes run it. Install it as tap in the runtime's plugin directory: /opt/cni/bin, or /usr/lib/cni on Debian
Try it as root: ip netns add try; export CNI_CONTAINERID=try CNI_NETNS=/run/netns/try CNI_IFNAME=tap0
    echo '{"cniVersion": "1.1.0", "name": "try", "type": "tap"}' | CNI_COMMAND=ADD %s; ip -n try link; ip netns del try
`, build, strings.Join(version.All.SupportedVersions(), ", "), self)
}
