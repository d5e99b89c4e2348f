package plugin

import (
	"context"
	"errors"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/ipam"
	"tap/internal/netconf"
	"tap/internal/tuntap"
)

// Status says whether an ADD could work now, as far as that can be known without
// a container (CNI specification 1.1, section 2, "STATUS").
func Status(args *skel.CmdArgs) error {
	conf, err := netconf.ParseStatus(args)
	if err != nil {
		return notReady(err)
	}
	device, err := tuntap.Open()
	if err != nil {
		return notReady(about(errDevice, err))
	}
	device.Close()
	delegate, err := findIPAM(conf, args.Path)
	if err != nil || delegate == nil {
		return notReady(err)
	}
	err = delegate.Status(context.Background(), ipamCall(conf, args.StdinData))
	if unknownVerb(err) {
		return nil
	}
	return notReady(err)
}

// unknownVerb says whether an IPAM plugin of before CNI 1.1 answered, which counts
// as ready: a runtime that believed the error would take the node out of service.
func unknownVerb(err error) bool {
	var theirs *ipam.Error
	return errors.As(err, &theirs) && theirs.Reported != nil &&
		(theirs.Reported.Code == types.ErrIncompatibleCNIVersion || theirs.Reported.Code == types.ErrInvalidEnvironmentVariables)
}

// notReady is the error with the one of STATUS' codes that fits.
func notReady(err error) error {
	var e *types.Error
	if errors.As(cniError(err), &e) && e.Code != types.ErrLimitedConnectivity {
		e.Code = types.ErrPluginNotAvailable
	}
	if e == nil {
		return nil
	}
	return e
}
