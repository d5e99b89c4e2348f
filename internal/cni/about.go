package cni

import (
	"fmt"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/version"
)

// printAbout tells a person who ran the plugin by hand what it is; no runtime sees it.
func printAbout(build string) {
	self, err := os.Executable()
	if err != nil { // no /proc
		self = os.Args[0]
	}
	fmt.Fprintf(Stderr, `CNI plugin tap %s: puts a tap device into a container's network namespace, for a VMM or a userspace network stack
CNI protocol versions supported: %s
Container runtimes run it. It belongs where they seek plugins, under the name tap: /opt/cni/bin, or Debian's /usr/lib/cni
Try it, as root: ip netns add try; export CNI_CONTAINERID=try CNI_NETNS=/run/netns/try CNI_IFNAME=tap0
    echo '{"cniVersion": "1.1.0", "name": "try", "type": "tap"}' | CNI_COMMAND=ADD %s; ip -n try link; ip netns del try
`, build, strings.Join(version.All.SupportedVersions(), ", "), self)
}
