package verb

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/netconf"
	"tap/internal/netns"
)

// Del removes the attachment (CNI specification 1.1, section 2, "DEL"). The
// reservation and the device each go regardless of the other's failure; what is
// gone already is no failure.
func Del(args *netconf.Args) error {
	conf, confErr := netconf.ParseDel(args)
	if conf == nil {
		return confErr
	}
	if conf.PrevResultErr != nil { // only a tap of the reference plugin could be missed, until its namespace goes
		cni.Notice("DEL goes on without prevResult: %v", conf.PrevResultErr)
	}
	released := make(chan error, 1)
	go func() { released <- releaseIPAM(conf, args) }()
	return errors.Join(confErr, sweep(conf), <-released)
}

func releaseIPAM(conf *netconf.Config, args *netconf.Args) error {
	delegate, err := findIPAM(conf, args.Path)
	if err != nil || delegate == nil {
		return err
	}
	return delegate.Del(context.Background(), ipamCall(conf, args.StdinData))
}

// sweep removes what ADD made in the container's namespace.
func sweep(conf *netconf.Config) error {
	if conf.Netns == "" {
		return nil // the runtime says that the namespace is gone, and the device with it
	}
	sandbox, err := netns.Open(conf.Netns)
	if noSandbox(err) { // of this call alone: in another's error, ENOENT means something else
		return nil
	}
	if err != nil {
		return feature.NetnsError(err)
	}
	defer sandbox.Close()
	if err := feature.RejectOwnNetns(conf, sandbox); err != nil {
		return err
	}
	conn, err := feature.DialIn(sandbox)
	if err != nil {
		return err
	}
	defer conn.Close()
	return feature.Sweep(conn, feature.MatchAttachment(conf), nil)
}

// noSandbox says whether the path leads to no network namespace: to none at all,
// or to something else (a plain file is what is left of one after a reboot).
func noSandbox(err error) bool {
	for _, gone := range []error{fs.ErrNotExist, syscall.ENOTDIR, syscall.ELOOP, syscall.ENXIO, syscall.ENAMETOOLONG, netns.ErrNotNamespace} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}
