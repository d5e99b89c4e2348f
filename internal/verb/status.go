package verb

import (
	"context"
	"errors"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/ipam"
	"tap/internal/netconf"
	"tap/internal/netns"
)

// Status says whether an ADD could work now (CNI specification 1.1, section 2,
// "STATUS"). It does one, in a namespace of its own and without the commit: only
// the container is missing.
func Status(args *netconf.Args) error {
	conf, err := netconf.ParseStatus(args)
	if err != nil {
		return notReady(err)
	}
	if err := tryDevice(conf); err != nil {
		return notReady(err)
	}
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

// tryDevice makes the device of the configuration where nobody sees it. The kernel
// takes everything back with the namespace.
func tryDevice(conf *netconf.Config) error {
	if err := feature.TryDriver(conf); err != nil {
		return err
	}
	sandbox, err := netns.New()
	if errors.Is(err, unix.EPERM) {
		return feature.NetnsError(err)
	}
	if err != nil { // a shortage, which says nothing about this network: no reason to give up the node
		cni.Notice("STATUS saw no more than the driver: %v", err)
		return nil
	}
	defer sandbox.Close()

	trial := *conf
	trial.ContainerID, trial.Netns = "trial", "a namespace "+sandbox.Path()
	if trial.Tap.Name == "" {
		trial.Tap.Name = "tap-trial"
	}
	trial.IfName = trial.Tap.Name
	a, err := feature.OpenTrial(&trial, sandbox)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.Create(); err != nil {
		return err
	}
	if err := a.Configure(); err != nil {
		return err
	}
	return a.HookInterface()
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
	if err == nil {
		return nil
	}
	e := cni.Render(err)
	if e.Code == types.ErrLimitedConnectivity {
		return err
	}
	return cni.Kind{Code: types.ErrPluginNotAvailable, Advice: e.Details}.Override(err)
}
