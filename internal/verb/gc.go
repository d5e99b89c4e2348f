package verb

import (
	"context"
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
)

// usualDirs are where runtimes and ip-netns(8) bind the namespaces that they make.
var usualDirs = []string{"/run/netns", "/var/run/netns"}

var folderFault = cni.Kind{Code: types.ErrIOFailure, Advice: "namespaces are sought in /run/netns, /var/run/netns and the folders of netnsDirs, which must be no links"}

// GC removes what is left of attachments that the runtime no longer knows, and
// then tells the IPAM plugin to do the same: an address is not free while a stale
// tap has it. No failure keeps it from the rest (CNI specification 1.1, section 2, "GC").
func GC(args *netconf.Args) error {
	conf, valid, err := netconf.ParseGC(args)
	if err != nil {
		return err
	}
	return errors.Join(collectTaps(conf, feature.SweepStale(valid)), collectAddresses(conf, args))
}

// collectTaps looks into each namespace once, and never into the plugin's own.
func collectTaps(conf *netconf.Config, stale feature.Match) error {
	var failed []error
	seen := map[uint64]bool{} // by inode, which is unique as long as a namespace is bound
	for _, dir := range append(usualDirs, conf.NetnsDirs...) {
		err := netns.Bound(dir, func(sandbox *netns.Sandbox) {
			inode, err := sandbox.Inode()
			if err == nil && !seen[inode] {
				seen[inode] = true
				err = collectIn(sandbox, stale)
			}
			failed = append(failed, err)
		})
		failed = append(failed, folderFault.Of(err))
	}
	return errors.Join(failed...)
}

func collectIn(sandbox *netns.Sandbox, stale feature.Match) error {
	own, err := sandbox.IsOwn()
	if err != nil || own {
		return err
	}
	conn, err := feature.DialIn(sandbox)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = feature.Sweep(conn, stale, func(link *netdev.Link) {
		cni.Notice("GC removed %q from %s (alias %q)", link.Name, sandbox.Path(), link.Alias)
	})
	if err != nil {
		return fmt.Errorf("namespace %s: %w", sandbox.Path(), err)
	}
	return nil
}

func collectAddresses(conf *netconf.Config, args *netconf.Args) error {
	delegate, err := findIPAM(conf, args.Path)
	if err != nil || delegate == nil {
		return err
	}
	err = delegate.GC(context.Background(), ipamCall(conf, args.StdinData))
	if unknownVerb(err) {
		cni.Notice("no garbage was collected there: %v", err)
		return nil
	}
	return err
}
