package verb

import (
	"context"
	"errors"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/netconf"
	"tap/internal/netns"
)

// Status returns nil if an ADD would succeed now (CNI specification 1.1, section 2, "STATUS"). It executes a
// trial: an ADD without commit, in a network namespace that it creates for it.
func Status(args *netconf.Args) error {
	conf, err := netconf.ParseStatus(args)
	if err != nil {
		return statusError(err)
	}
	if err := runTrial(conf); err != nil {
		return statusError(err)
	}
	delegate, err := findIPAM(conf, args.Path)
	if err != nil || delegate == nil {
		return statusError(err)
	}
	err = delegate.Status(context.Background(), ipamCall(conf, args.StdinData))
	if isUnknownVerb(err) { // ready: because of an error the runtime would take the node out of service
		return nil
	}
	return statusError(err)
}

// runTrial executes the trial. The kernel removes everything with the namespace.
func runTrial(conf *netconf.Config) error {
	if err := feature.TryDriver(conf); err != nil {
		return err
	}
	sandbox, err := netns.New()
	if errors.Is(err, unix.EPERM) {
		return feature.NetnsError(err)
	}
	if err != nil { // the host is short of namespaces; this says nothing about the network, so the node stays in service
		cni.Notice("STATUS could not create a trial namespace, only the driver was checked: %v", err)
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
	return a.ApplyAfterCommit()
}

// statusError replaces the code of err by a code of STATUS: 50, plugin not available, or 51, limited
// connectivity, if the IPAM plugin reported that. It keeps the advice.
func statusError(err error) error {
	if err == nil {
		return nil
	}
	e := cni.Render(err)
	if e.Code == types.ErrLimitedConnectivity {
		return err
	}
	return cni.Kind{Code: types.ErrPluginNotAvailable, Advice: e.Details}.Override(err)
}
