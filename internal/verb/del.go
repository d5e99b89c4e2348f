package verb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/netconf"
	"tap/internal/netns"
)

// Del removes the attachment (CNI specification 1.1, section 2, "DEL"). It releases the reservation and
// removes the devices at the same time; an error of one does not stop the other. What is missing is not an
// error.
func Del(args *netconf.Args) error {
	conf, confErr := netconf.ParseDel(args)
	if conf == nil {
		return confErr
	}
	if conf.PrevResultErr != nil { // only a tap of the reference plugin may stay, until its namespace is removed
		cni.Notice("DEL ignores prevResult: %v", conf.PrevResultErr)
	}
	released := make(chan error, 1)
	go func() { released <- releaseIPAM(conf, args) }()
	return errors.Join(confErr, sweepNamespace(conf), <-released)
}

func releaseIPAM(conf *netconf.Config, args *netconf.Args) error {
	delegate, err := findIPAM(conf, args.Path)
	if err != nil || delegate == nil {
		return err
	}
	return delegate.Del(context.Background(), ipamCall(conf, args.StdinData))
}

// sweepNamespace removes what ADD created in the container's namespace.
func sweepNamespace(conf *netconf.Config) error {
	if conf.Netns == "" {
		return nil // the runtime says that the namespace, and with it the devices, was removed
	}
	sandbox, err := netns.Open(conf.Netns)
	if isMissingNetns(err) { // only of this call: an ENOENT of another call has another meaning
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
	if err := feature.Sweep(conn, feature.DelLimit, feature.MatchAttachment(conf), nil); err != nil {
		return fmt.Errorf("namespace %s: %w", sandbox.Path(), err)
	}
	return nil
}

// isMissingNetns reports whether a path does not exist or is not a network namespace. After a reboot, for
// example, a bind mount is a plain file.
func isMissingNetns(err error) bool {
	return slices.ContainsFunc([]error{
		fs.ErrNotExist, syscall.ENOTDIR, syscall.ELOOP, syscall.ENXIO, syscall.ENAMETOOLONG, netns.ErrNotNamespace,
	}, func(missing error) bool { return errors.Is(err, missing) })
}
