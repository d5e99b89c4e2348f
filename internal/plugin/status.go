package plugin

import (
	"context"
	"errors"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"tap/internal/ipam"
	"tap/internal/netconf"
	"tap/internal/netns"
	"tap/internal/tuntap"
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
	if err := tryDriver(conf); err != nil {
		return err
	}
	sandbox, err := netns.New()
	if errors.Is(err, unix.EPERM) {
		return about(errNetns, err)
	}
	if err != nil { // a shortage, which says nothing about this network: no reason to give up the node
		notice("STATUS saw no more than the driver: %v", err)
		return nil
	}
	defer sandbox.Close()

	trial := *conf
	trial.ContainerID, trial.Netns = "trial", "a namespace "+sandbox.Path()
	if trial.Tap.Name == "" {
		trial.Tap.Name = "tap-trial"
	}
	trial.IfName = trial.Tap.Name
	if err := tryBridge(&trial, sandbox); err != nil {
		return err
	}
	if trial.Tap.Redirect {
		stranger, err := tryTarget(&trial, sandbox)
		if err != nil {
			return err
		}
		defer stranger.close()
	}
	tap, err := createTap(&trial, sandbox)
	if err != nil {
		return err
	}
	defer tap.close()
	if err := tap.configure(); err != nil {
		return err
	}
	return tap.takeOver()
}

// tryTarget makes something that can be taken over, where another plugin makes the container's interface.
func tryTarget(trial *netconf.Config, sandbox *netns.Sandbox) (*tap, error) {
	trial.IfName = "trial"
	stranger := *trial
	stranger.Tap = netconf.Tap{Name: trial.IfName}
	return createTap(&stranger, sandbox)
}

// tryDriver asks the driver before anything is made of it.
func tryDriver(conf *netconf.Config) error {
	device, err := tuntap.Open()
	if err != nil {
		return about(errDevice, err)
	}
	defer device.Close()
	return about(errDevice, device.Supports(conf.Tap.MultiQueue))
}

// tryBridge makes the bridge that another plugin makes for the container.
func tryBridge(trial *netconf.Config, sandbox *netns.Sandbox) error {
	if trial.Tap.Bridge == "" {
		return nil
	}
	conn, err := dialIn(sandbox)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.Add(trial.Tap.Bridge, "bridge")
	if errors.Is(err, unix.EOPNOTSUPP) {
		return about(errNoBridging, err)
	}
	if err == nil && trial.Tap.VLANs.Native != 0 {
		err = conn.FilterVLANs(trial.Tap.Bridge)
	}
	return about(errDevice, err)
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
