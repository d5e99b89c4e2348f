package plugin

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
)

// Del removes the attachment (CNI specification 1.1, section 2, "DEL"). The
// reservation and the device each go regardless of the other's failure; what is
// gone already is no failure.
func Del(args *netconf.Args) error {
	conf, confErr := netconf.ParseDel(args)
	if conf == nil {
		return cniError(confErr)
	}
	if conf.PrevResultErr != nil { // only a tap of the reference plugin could be missed, until its namespace goes
		notice("DEL goes on without prevResult: %v", conf.PrevResultErr)
	}
	released := make(chan error, 1)
	go func() { released <- releaseIPAM(conf, args) }()
	return cniError(errors.Join(confErr, removeTap(conf), <-released))
}

func releaseIPAM(conf *netconf.Config, args *netconf.Args) error {
	delegate, err := findIPAM(conf, args.Path)
	if err != nil || delegate == nil {
		return err
	}
	return delegate.Del(context.Background(), ipamCall(conf, args.StdinData))
}

// removeTap deletes the device of this attachment, under whatever name it goes
// now, and its egress device, whether the tap is there or not.
func removeTap(conf *netconf.Config) error {
	if conf.Netns == "" {
		return nil // the runtime says that the namespace is gone, and the device with it
	}
	sandbox, err := netns.Open(conf.Netns)
	if noSandbox(err) {
		return nil
	}
	if err != nil {
		return about(errNetns, err)
	}
	defer sandbox.Close()
	if err := refuseOwn(conf, sandbox); err != nil {
		return err
	}

	conn, err := dialIn(sandbox)
	if err != nil {
		return err
	}
	defer conn.Close()
	var failed []error
	if conf.Tap.Redirect { // the interface first: it leads to the tap
		failed = append(failed, restoreTaken(conn, conf.IsHook))
	}
	links, err := linksOf(conn, sandbox)
	failed = append(failed, err)
	for _, link := range links {
		if !isOurs(conf, link) && !isEgress(conf, link) {
			continue
		}
		failed = append(failed, conn.Delete(link.Index))
		if conf.Tap.Redirect {
			failed = append(failed, restoreTaken(conn, conf.IsHook))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return about(errDevice, err)
	}
	return nil
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

// isOurs decides by the alias. A tap that the reference plugin made has none: it
// is ours if the runtime's cache lists it in this namespace.
func isOurs(conf *netconf.Config, link *netdev.Link) bool {
	if !link.IsTap() {
		return false
	}
	if link.Alias != "" {
		return link.Alias == conf.Alias()
	}
	return link.Name == conf.Tap.Name && ownInterface(conf) >= 0
}

// ownInterface is the index of this attachment's entry in prevResult; -1: none.
// The last one counts: a plugin appends its own.
func ownInterface(conf *netconf.Config) int {
	found := -1
	if conf.PrevResult == nil {
		return found
	}
	for i, entry := range conf.PrevResult.Interfaces {
		if entry.Name == conf.Tap.Name && entry.Sandbox == conf.Netns {
			found = i
		}
	}
	return found
}
