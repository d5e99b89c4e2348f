package verb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
)

// directoryPatience is how long GC waits for directories in all.
const directoryPatience = 10 * time.Second

var dirKind = cni.Kind{Code: types.ErrIOFailure, Advice: "write the real path of the directory into netnsDirs (readlink -f DIR), " +
	"or remove a directory that is not on a local file system"}

// defaultDirs are the directories in which runtimes and ip-netns(8) bind namespaces.
var defaultDirs = []string{"/run/netns", "/var/run/netns"}

// directories returns the default directories and those of netnsDirs.
func directories(netnsDirs []string) []netns.Directory {
	var dirs []netns.Directory
	for _, dir := range defaultDirs {
		dirs = append(dirs, netns.Directory{Path: dir})
	}
	for _, dir := range netnsDirs {
		if !slices.Contains(defaultDirs, dir) {
			dirs = append(dirs, netns.Directory{Path: dir, Untrusted: true})
		}
	}
	return dirs
}

// GC removes what is left of attachments that the runtime does not list as valid. After that it calls GC of
// the IPAM plugin, because an address must not be free while a stale tap has it. An error does not stop it
// (CNI specification 1.1, section 2, "GC").
func GC(args *netconf.Args) error {
	conf, valid, err := netconf.ParseGC(args)
	if err != nil {
		return err
	}
	return errors.Join(collectDevices(conf, feature.MatchStale(valid)), collectReservations(conf, args))
}

// collectDevices sweeps each namespace once, except the plugin's own.
func collectDevices(conf *netconf.Config, stale feature.Match) error {
	var failed []error
	seen := map[uint64]bool{} // by inode, which is unique while the namespace is bound
	err := netns.WalkBindMounts(directories(conf.NetnsDirs), directoryPatience, func(sandbox *netns.Sandbox) {
		inode, err := sandbox.Inode()
		if err == nil && !seen[inode] {
			seen[inode] = true
			err = collectNamespace(sandbox, stale)
		}
		failed = append(failed, err)
	})
	failed = append(failed, dirKind.Wrap(err))
	return errors.Join(failed...)
}

func collectNamespace(sandbox *netns.Sandbox, stale feature.Match) error {
	own, err := sandbox.IsOwn()
	if err != nil || own {
		return err
	}
	conn, err := feature.DialIn(sandbox)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = feature.Sweep(conn, feature.GCLimit, stale, func(link *netdev.Link) {
		cni.Notice("GC removed %q from %s (alias %q)", link.Name, sandbox.Path(), link.Alias)
	})
	if err != nil {
		return fmt.Errorf("namespace %s: %w", sandbox.Path(), err)
	}
	return nil
}

// collectReservations calls GC of the IPAM plugin.
func collectReservations(conf *netconf.Config, args *netconf.Args) error {
	delegate, err := findIPAM(conf, args.Path)
	if err != nil || delegate == nil {
		return err
	}
	err = delegate.GC(context.Background(), ipamCall(conf, args.StdinData))
	if isUnknownVerb(err) {
		cni.Notice("GC left all IPAM reservations: %v", err)
		return nil
	}
	return err
}
