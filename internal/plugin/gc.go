package plugin

import (
	"context"
	"errors"
	"fmt"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
)

// usualDirs are where runtimes and ip-netns(8) bind the namespaces that they make.
var usualDirs = []string{"/run/netns", "/var/run/netns"}

// GC removes what is left of attachments that the runtime no longer knows, and
// then tells the IPAM plugin to do the same: an address is not free while a stale
// tap has it. No failure keeps it from the rest (CNI specification 1.1, section 2, "GC").
func GC(args *netconf.Args) error {
	conf, inventory, err := netconf.ParseGC(args)
	if err != nil {
		return cniError(err)
	}
	return cniError(errors.Join(collectTaps(conf, inventory), collectAddresses(conf, args)))
}

// collectTaps looks into each namespace once, and never into the plugin's own.
func collectTaps(conf *netconf.Config, inventory *netconf.Inventory) error {
	var failed []error
	seen := map[uint64]bool{} // by inode, which is unique as long as a namespace is bound
	for _, dir := range append(usualDirs, conf.NetnsDirs...) {
		err := netns.Bound(dir, func(sandbox *netns.Sandbox) {
			inode, err := sandbox.Inode()
			if err == nil && !seen[inode] {
				seen[inode] = true
				err = collectIn(sandbox, inventory)
			}
			failed = append(failed, err)
		})
		if err != nil {
			failed = append(failed, about(errFolder, err))
		}
	}
	return errors.Join(failed...)
}

func collectIn(sandbox *netns.Sandbox, inventory *netconf.Inventory) error {
	own, err := sandbox.IsOwn()
	if err != nil || own {
		return err
	}
	conn, err := dialIn(sandbox)
	if err != nil {
		return err
	}
	defer conn.Close()
	failed := []error{restoreTaken(conn, inventory.StaleHook)}
	links, err := linksOf(conn, sandbox)
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	list := garbage(links, inventory)
	for _, link := range list {
		if err := conn.Delete(link.Index); err != nil {
			failed = append(failed, about(errDevice, fmt.Errorf("namespace %s: %w", sandbox.Path(), err)))
			continue
		}
		notice("GC removed %q from %s (alias %q)", link.Name, sandbox.Path(), link.Alias)
	}
	if len(list) > 0 {
		failed = append(failed, restoreTaken(conn, inventory.StaleHook))
	}
	return errors.Join(failed...)
}

// garbage is the taps of attachments that nobody knows of, and then the egress
// devices of taps that are not there or go now. A tap that is not persistent is an
// ADD in flight, which makes its egress device after itself.
func garbage(links []*netdev.Link, inventory *netconf.Inventory) []*netdev.Link {
	var list []*netdev.Link
	inUse := map[string]bool{}
	for _, link := range links {
		switch {
		case !link.IsTap():
		case link.Tun.Persistent && inventory.Stale(link.Alias):
			list = append(list, link)
		default:
			inUse[netconf.EgressName(link.Alias)] = true
		}
	}
	for _, link := range links {
		if link.Kind == egressKind && inventory.Egress(link.Name, link.Alias) && !inUse[link.Name] {
			list = append(list, link)
		}
	}
	return list
}

func collectAddresses(conf *netconf.Config, args *netconf.Args) error {
	delegate, err := findIPAM(conf, args.Path)
	if err != nil || delegate == nil {
		return err
	}
	err = delegate.GC(context.Background(), ipamCall(conf, args.StdinData))
	if unknownVerb(err) {
		notice("no garbage was collected there: %v", err)
		return nil
	}
	return err
}
