package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"golang.org/x/sys/unix"

	"tap/internal/ipam"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/selinux"
	"tap/internal/tuntap"
)

// openSandbox opens the container's namespace and refuses the plugin's own.
func openSandbox(conf *netconf.Config) (*netns.Sandbox, error) {
	sandbox, err := netns.Open(conf.Netns)
	if err != nil {
		return nil, about(errNetns, err)
	}
	if err := refuseOwn(conf, sandbox); err != nil {
		sandbox.Close()
		return nil, err
	}
	return sandbox, nil
}

func refuseOwn(conf *netconf.Config, sandbox *netns.Sandbox) error {
	if conf.OwnNetnsAllowed {
		return nil
	}
	own, err := sandbox.IsOwn()
	if err == nil && own {
		err = fmt.Errorf("CNI_NETNS=%s is %w", conf.Netns, netns.ErrOwn)
	}
	return about(errNetns, err)
}

// linksOf lists the devices of the namespace of a socket.
func linksOf(conn *netdev.Conn, sandbox *netns.Sandbox) ([]*netdev.Link, error) {
	links, err := conn.Links()
	if err != nil {
		return nil, about(errDevice, fmt.Errorf("namespace %s: %w", sandbox.Path(), err))
	}
	return links, nil
}

// dialIn opens a route netlink socket in a namespace.
func dialIn(sandbox *netns.Sandbox) (*netdev.Conn, error) {
	var conn *netdev.Conn
	err := sandbox.Do(func() error {
		var err error
		conn, err = netdev.Dial()
		return err
	})
	if err != nil {
		return nil, about(errDevice, fmt.Errorf("namespace %s: %w", sandbox.Path(), err))
	}
	return conn, nil
}

// tap is a device in the making: until persist it lives as long as its file.
type tap struct {
	conf    *netconf.Config
	sandbox *netns.Sandbox
	file    *tuntap.File     // opened in the namespace
	conn    *netdev.Conn     // dialled in the namespace
	link    *netdev.Link     // as the kernel made it; nil until createTap has seen it
	bridge  *netdev.Link     // as it was before; nil: none asked for
	mac     net.HardwareAddr // that it shall have; nil: the kernel's
	egress  *netdev.Link     // the device that was made beside it; nil: none
	target  *target          // the interface that its guest takes over; nil: none
}

// createTap makes the device under its final name. The name is the lock on the
// attachment: a taken one is an error, and nothing is left behind.
func createTap(conf *netconf.Config, sandbox *netns.Sandbox) (*tap, error) {
	t := &tap{conf: conf, sandbox: sandbox, mac: conf.Tap.MAC}
	if err := sandbox.DoHere(t.open); err != nil {
		t.close()
		return nil, err
	}
	if err := t.create(); err != nil {
		t.close()
		return nil, fmt.Errorf("create tap %q in %s: %w", conf.Tap.Name, conf.Netns, err)
	}
	return t, nil
}

// open gets what must be opened on a thread in the namespace.
func (t *tap) open() error {
	var err error
	if t.conn, err = netdev.Dial(); err != nil {
		return about(errDevice, err)
	}
	if t.bridge, err = findBridge(t.conn, t.conf.Tap); err != nil {
		return err
	}
	if t.target, err = findTarget(t.conn, t.conf); err != nil {
		return err
	}
	if t.file, err = tuntap.Open(); err != nil {
		return about(errDevice, err)
	}
	return nil
}

func (t *tap) create() error {
	asked := t.conf.Tap
	options := tuntap.Options{Name: t.conf.Tap.Name, MultiQueue: asked.MultiQueue, Owner: asked.Owner, Group: asked.Group}
	if err := createLabelled(t.file, options, asked.Label); err != nil {
		if errors.Is(err, tuntap.ErrExists) {
			return err
		}
		return errors.Join(about(errDevice, err), t.deleteUnseen())
	}
	link, err := t.conn.LinkByName(t.conf.Tap.Name)
	if err != nil {
		return errors.Join(about(errDevice, err), t.deleteUnseen())
	}
	t.link = link
	if err := t.onlyOurs(); err != nil {
		return errors.Join(err, t.deleteTap())
	}
	if err := t.resetShared(); err != nil {
		return errors.Join(about(errDevice, err), t.deleteTap())
	}
	return nil
}

// createLabelled creates the device under the label asked for, where labels mean something.
func createLabelled(file *tuntap.File, options tuntap.Options, label string) error {
	if label == "" {
		return file.Create(options)
	}
	enabled, err := selinux.Enabled()
	if err != nil {
		return err
	}
	if !enabled {
		notice("selinuxContext is ignored: this host has no SELinux")
		return file.Create(options)
	}
	return selinux.CreateTap(file, options, label)
}

// configure gives the device all its attributes and brings it up.
func (t *tap) configure() error {
	asked := t.conf.Tap
	settings := netdev.Settings{
		Alias:      t.conf.Alias(),
		MTU:        asked.MTU,
		MAC:        t.mac,
		TxQueueLen: asked.TxQueueLen,
		Promisc:    asked.Promisc,
		AllMulti:   asked.AllMulti,
		ARPNotify:  t.conf.IPAM != "",
	}
	if t.target != nil {
		return t.configureRedirect(settings)
	}
	if t.bridge != nil {
		settings.Master, settings.Port = t.bridge.Index, portOf(asked, t.bridge)
	}
	if err := t.conn.Configure(t.link.Index, settings); err != nil {
		return about(errDevice, fmt.Errorf("configure tap %q: %w", t.conf.Tap.Name, err))
	}
	return t.limit()
}

// persist commits the device: from here on only takeBack undoes it.
func (t *tap) persist() error {
	if err := t.file.Persist(); err != nil {
		return about(errDevice, fmt.Errorf("commit tap %q: %w", t.conf.Tap.Name, err))
	}
	return nil
}

// takeBack undoes everything. The interface that was taken over comes first, since it leads
// to the tap, and the name last: while it is taken no other
// ADD of this attachment can begin, whose reservation and egress device are not
// to be told from ours. The device is out of use before its address is free.
func (t *tap) takeBack(ctx context.Context, lease *ipam.Lease) error {
	return errors.Join(t.giveBack(), t.withdraw(), t.deleteEgress(), t.release(ctx, lease), t.deleteTap())
}

// withdraw takes the device out of use: it answers to no address, and goes when we are killed.
func (t *tap) withdraw() error {
	err := t.conn.Down(t.link.Index)
	if errors.Is(err, netdev.ErrNotFound) {
		err = nil // deleted, or moved to another namespace, where our file still has it
	}
	releaseErr := t.file.Release()
	if errors.Is(releaseErr, unix.EBADFD) {
		releaseErr = nil // deleted
	}
	if err := errors.Join(err, releaseErr); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return nil
}

// deleteTap takes the device back, also where another process has attached to it.
func (t *tap) deleteTap() error {
	err := t.conn.Delete(t.link.Index)
	if err == nil {
		return nil
	}
	releaseErr := t.file.Release() // then close does it
	if releaseErr == nil {
		return nil
	}
	return fmt.Errorf("undo: %w", errors.Join(err, releaseErr))
}

// livesOn says whether another device bears the alias: the attachment was there
// before, and lives on renamed.
func (t *tap) livesOn(links []*netdev.Link) bool {
	return slices.ContainsFunc(links, func(l *netdev.Link) bool { return isOurs(t.conf, l) && l.Index != t.link.Index })
}

// release undoes the IPAM plugin's ADD, which may have been a failed one. Where the
// attachment lives on, the reservation is that one's.
func (t *tap) release(ctx context.Context, lease *ipam.Lease) error {
	links, err := t.conn.Links()
	if err == nil && t.livesOn(links) {
		lease.Keep()
		return nil
	}
	return errors.Join(err, lease.Release(ctx))
}

// deleteUnseen is deleteTap for a device that may have been made, but could not be
// read back: closing the file is not enough where somebody attached to it.
func (t *tap) deleteUnseen() error {
	name, err := t.file.Name()
	if err != nil {
		return nil // nothing is attached to our file: no device was made
	}
	if err := t.conn.DeleteByName(name); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return nil
}

// close lets go of the device; an uncommitted one vanishes.
func (t *tap) close() {
	if t.target != nil {
		t.target.close()
	}
	if t.conn != nil {
		t.conn.Close()
	}
	if t.file != nil {
		t.file.Close()
	}
}

// notice tells the operator something that is no error, if standard error is read:
// where it is not, nobody misses it, and nothing waits. Standard output is the result's.
func notice(format string, args ...any) {
	const patience = 100 // milliseconds, for a reader that is at work
	if ready, err := Stderr.writable(patience); err != nil || !ready {
		return
	}
	fmt.Fprintf(Stderr, "tap: "+format+"\n", args...)
}

func idText(id *uint32) string {
	if id == nil {
		return "none"
	}
	return fmt.Sprint(*id)
}
