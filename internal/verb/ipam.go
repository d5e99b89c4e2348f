package verb

import (
	"errors"
	"os"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/ipam"
	"tap/internal/netconf"
)

// findIPAM returns the IPAM plugin of the configuration; nil if it names none.
func findIPAM(conf *netconf.Config, cniPath string) (*ipam.Plugin, error) {
	if conf.IPAM == "" {
		return nil, nil
	}
	return ipam.Find(conf.IPAM, cniPath)
}

// ipamCall returns what the IPAM plugin gets: standard input and environment of this plugin.
func ipamCall(conf *netconf.Config, stdin []byte) ipam.Call {
	return ipam.Call{Stdin: stdin, Env: os.Environ(), CNIVersion: conf.CNIVersion}
}

// isUnknownVerb reports whether the IPAM plugin does not know the verb: STATUS and GC exist since CNI 1.1.
func isUnknownVerb(err error) bool {
	var failed *ipam.Error
	return errors.As(err, &failed) && failed.Reported != nil &&
		(failed.Reported.Code == types.ErrIncompatibleCNIVersion || failed.Reported.Code == types.ErrInvalidEnvironmentVariables)
}
