package plugin

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tap/internal/bpf"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
)

// In redirect mode the guest takes over an interface that a plugin before us made: its
// MAC address, its addresses, its wire. Filters at both hooks of both devices pass
// everything between the two, and nothing else: the namespace itself neither receives
// what comes in by the interface, nor sends anything on it.

// target is the interface that is taken over.
type target struct {
	*netdev.Link
	qdisc  bool // its hooks have yet to be made
	wire   *wire
	hooked bool // takeOver was tried
	made   bool // the hooks were made, and by us
	claim  *netns.Claim
}

// findTarget finds the interface, and refuses one that cannot be taken over; nil where
// none is asked for.
func findTarget(conn *netdev.Conn, conf *netconf.Config) (*target, error) {
	if !conf.Tap.Redirect {
		return nil, nil
	}
	t, err := newTarget(conn, conf)
	if err != nil {
		return nil, about(errTakeOver, fmt.Errorf("take over interface %q in %s: %w", conf.IfName, conf.Netns, err))
	}
	return t, nil
}

func newTarget(conn *netdev.Conn, conf *netconf.Config) (*target, error) {
	link, err := conn.LinkByName(conf.IfName)
	switch {
	case errors.Is(err, netdev.ErrNotFound):
		return nil, errNoInterface
	case err != nil:
		return nil, err
	case !link.Ethernet:
		return nil, errNotEthernet
	}
	t := &target{Link: link, qdisc: true}
	if err := t.look(conn, conf); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// look looks at what others have put onto the interface. From here on no other ADD can
// take it over: those of ours would not be told from those of an attachment that has the
// same name, nor would the qdisc that both want to make.
func (t *target) look(conn *netdev.Conn, conf *netconf.Config) error {
	var err error
	t.claim, err = netns.ClaimHere(fmt.Sprintf("tap/:interface/%d", t.Index))
	if errors.Is(err, netns.ErrClaimed) {
		return fmt.Errorf("%w: %w", errMeanwhile, err)
	}
	if err != nil {
		return err
	}
	qdiscs, err := conn.Qdiscs()
	if err != nil {
		return err
	}
	for _, q := range qdiscs {
		switch {
		case q.Device != t.Index:
		case q.IsHook() && q.Kind != hookQdisc:
			return fmt.Errorf("%w: qdisc %s", errOneHook, q.Kind)
		case q.IsHook():
			t.qdisc = false
		case q.IsRoot() && !q.IsDefault() && conf.Tap.Bandwidth.Egress != netconf.Limit{}:
			return fmt.Errorf("%w: qdisc %s", errLimited, q.Kind)
		}
	}
	if t.qdisc {
		return nil
	}
	filters, err := conn.Filters(t.Index)
	if err != nil {
		return err
	}
	for _, f := range filters {
		if conf.IsHook(f.Name) {
			return errOwnAlready
		}
		if netconf.IsWireName(f.Name) {
			return fmt.Errorf("%w by %s", errTakenOver, f.Name)
		}
	}
	return nil
}

// close lets go of the interface.
func (t *target) close() {
	if t.wire != nil {
		t.wire.close()
	}
	if t.claim != nil {
		t.claim.Close()
	}
}

// hookQdisc is the one with hooks in both directions.
const hookQdisc = "clsact"

// wire is the programs of one side, which lead to a device and let pass what comes from there.
type wire struct{ redirect, onlyFrom *bpf.Program }

func newWire(device int) (*wire, error) {
	redirect, err := bpf.Redirect(device)
	if err != nil {
		return nil, err
	}
	onlyFrom, err := bpf.OnlyFrom(device)
	if err != nil {
		redirect.Close()
		return nil, err
	}
	return &wire{redirect, onlyFrom}, nil
}

// filters come in the order in which they begin to work: what leads away from the device is last.
func (w *wire) filters(name string) []netdev.Filter {
	return []netdev.Filter{
		{Hook: netdev.Sent, Name: name, Program: w.onlyFrom.Fd()},
		{Hook: netdev.Received, Name: name, Program: w.redirect.Fd()},
	}
}

func (w *wire) close() {
	w.redirect.Close()
	w.onlyFrom.Close()
}

// configureRedirect makes a tap's end of the wire, and comes up in silence. What is part
// of the tap vanishes with it.
func (t *tap) configureRedirect(settings netdev.Settings) error {
	asked := t.conf.Tap
	settings.MTU = t.target.MTU
	if err := t.conn.Prepare(t.link.Index, settings); err != nil {
		return about(errDevice, fmt.Errorf("configure tap %q: %w", asked.Name, err))
	}
	if asked.Bandwidth.Ingress == (netconf.Limit{}) {
		// fq would drop frames that bear a time of the way that they came
		if err := t.conn.SendUnqueued(t.link.Index); err != nil {
			return about(errTakeOver, fmt.Errorf("configure tap %q: %w", asked.Name, err))
		}
	} else if err := t.limitIngress(); err != nil {
		return err
	}
	if err := t.hookTap(); err != nil {
		return about(errTakeOver, fmt.Errorf("tap %q: %w", asked.Name, err))
	}
	if err := t.conn.UpWithoutAddress(t.link.Index); err != nil {
		return about(errDevice, fmt.Errorf("configure tap %q: %w", asked.Name, err))
	}
	return nil
}

func (t *tap) hookTap() error {
	toTarget, err := newWire(t.target.Index)
	if err != nil {
		return err
	}
	defer toTarget.close() // the filters have the programs
	if _, err := t.conn.Hook(t.link.Index, netdev.Hooking{Qdisc: true, Filters: toTarget.filters(t.conf.Alias())}); err != nil {
		return err
	}
	t.target.wire, err = newWire(t.link.Index) // a kernel that refuses it does so before the commit
	return err
}

// takeOver connects the interface to the tap, in one step: it is the very last before
// the result, and the first that is undone. Where the tap vanished under a filter that
// leads to it, the interface would be dead.
func (t *tap) takeOver() error {
	if t.target == nil {
		return nil
	}
	t.target.hooked = true
	var err error
	t.target.made, err = t.conn.Hook(t.target.Index, netdev.Hooking{
		Qdisc:   t.target.qdisc,
		Limit:   inBytes(t.conf.Tap.Bandwidth.Egress),
		Filters: t.target.wire.filters(t.conf.HookName(t.target.qdisc)),
	})
	if errors.Is(err, unix.EEXIST) {
		err = fmt.Errorf("%w: %w", errMeanwhile, err)
	}
	if err == nil {
		_, err = t.conn.LinkByIndex(t.link.Index) // a tap that was deleted since the commit leaves a dead interface
	}
	if err != nil {
		return about(errTakeOver, fmt.Errorf("take over interface %q: %w", t.conf.IfName, err))
	}
	return nil
}

// giveBack undoes takeOver.
func (t *tap) giveBack() error {
	if t.target == nil || !t.target.hooked {
		return nil
	}
	interfaces, err := findTaken(t.conn, t.conf.IsHook)
	if err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	for _, i := range interfaces {
		if i.hooks.Device == t.target.Index {
			i.made = t.target.made // whatever the name of a filter says that should have come with it
			if err := i.restore(t.conn, true); err != nil {
				return fmt.Errorf("undo: %w", err)
			}
		}
	}
	return nil
}

// taken is an interface with hooks.
type taken struct {
	hooks  netdev.Qdisc
	limit  *netdev.Qdisc // that was made with them; nil: none
	ours   []netdev.Filter
	others bool // there are filters of somebody else
	made   bool // the hooks were made for ours
}

// findTaken lists the devices with hooks, and which of their filters are ours, by name.
func findTaken(conn *netdev.Conn, ours func(name string) bool) ([]taken, error) {
	qdiscs, err := conn.Qdiscs()
	if err != nil {
		return nil, about(errTakeOver, err)
	}
	limits := map[int]*netdev.Qdisc{}
	for _, q := range qdiscs {
		if q.IsLimit() {
			limits[q.Device] = &q
		}
	}
	var list []taken
	for _, q := range qdiscs {
		if !q.IsHook() || q.Kind != hookQdisc {
			continue
		}
		filters, err := conn.Filters(q.Device)
		if err != nil {
			return nil, about(errTakeOver, err)
		}
		device := taken{hooks: q, limit: limits[q.Device]}
		for _, f := range filters {
			if !ours(f.Name) {
				device.others = true
				continue
			}
			device.ours = append(device.ours, f)
			device.made = device.made || netconf.MadeQdisc(f.Name)
		}
		list = append(list, device)
	}
	return list, nil
}

// restore gives an interface back as it was. What fails is left for the next DEL to
// find, by the filters' name: the one of frames that are sent goes last, the one that
// leads to the tap goes in any case. It touches nothing where nothing is ours, unless
// the caller knows better.
func (t *taken) restore(conn *netdev.Conn, known bool) error {
	if len(t.ours) == 0 && !known {
		return nil
	}
	var failed error
	if t.limit != nil {
		failed = conn.DeleteQdisc(*t.limit)
	}
	if t.made && !t.others && failed == nil {
		return about(errTakeOver, conn.DeleteQdisc(t.hooks)) // its filters go with it, in one step
	}
	for _, f := range t.ours { // those of what is received come first
		if f.Hook == netdev.Sent && failed != nil {
			break
		}
		failed = errors.Join(failed, conn.Unhook(t.hooks.Device, f))
	}
	return about(errTakeOver, failed)
}

// restoreTaken gives back every interface of a namespace that was taken over under such a
// name. It is called before taps are listed and deleted, and again after. So a verb beside
// an ADD that is under way takes all of it away, or nothing: where an interface was taken
// over, the tap is there to be listed; where that happens in between, the second call finds
// it; and later ADD finds its tap gone.
func restoreTaken(conn *netdev.Conn, ours func(name string) bool) error {
	interfaces, err := findTaken(conn, ours)
	failed := []error{err}
	for _, i := range interfaces {
		failed = append(failed, i.restore(conn, false))
	}
	return errors.Join(failed...)
}
