// Package plan is what an attachment is to be, as one value in the kernel's own words:
// devices, queues, hooks. No feature has a name here. It is pure.
package plan

import (
	"errors"
	"fmt"

	"tap/internal/bpf"
	"tap/internal/cni"
	"tap/internal/netdev"
)

// Ref names a device before its index is known.
type Ref int

// The devices of a plan.
const (
	None      Ref = iota
	Tap           // ADD makes it
	Egress        // made beside the tap, of kind ifb
	Interface     // made by a plugin before us
)

// Desired is the whole attachment below its addresses.
type Desired struct {
	Devices map[Ref]*Device
	Master  *netdev.Link // the bridge whose port the tap becomes; nil: none asked for, or not there
	Outlet  Ref          // whose root queue the guest's frames pass; None: no device has been chosen
}

// Shared says whether others could attach to the tap before its owner was set: only a
// multi-queue tap has room for them, and only a restricted one is not theirs.
func (d *Device) Shared() bool { return d.MultiQueue && (d.Owner != nil || d.Group != nil) }

// Device is one device. Zero values are left as the kernel made them.
type Device struct {
	netdev.Settings
	Name       string
	Kind       string // of one that is made beside the tap
	MasterName string // as it was asked for, perhaps an alternative name
	MTUOf      string // the MTU is that of the device of this name
	Silent     bool   // it gets no address of its own when it comes up
	TC         TC
	By         Need
	up         bool // the request that applies the settings brings it up

	// Of a tap.
	MultiQueue   bool
	Owner, Group *uint32 // nil: none set
	Label        string  // SELinux context; empty: the plugin's own
}

// New is a plan of a tap and nothing else.
func New() *Desired { return &Desired{Devices: map[Ref]*Device{Tap: {}}} }

// Device is the device of a plan, which is there from now on.
func (d *Desired) Device(r Ref) *Device {
	if d.Devices[r] == nil {
		d.Devices[r] = &Device{}
	}
	return d.Devices[r]
}

// Need is on whose behalf something is asked of a device: a key of the configuration, and
// the kind of the error where the kernel refuses it.
type Need struct {
	Key  string
	Kind cni.Kind
}

// TC is all queueing and filtering of a device: nobody else touches it. The zero value
// leaves it as it is.
type TC struct {
	Root   Root   // what queues the frames that it sends
	Queued string // root qdisc that another made, which excludes Root
	Mirror Ref    // all that it receives goes out there (qdisc ingress)
	Hooks  []Hook // programs (qdisc clsact), in the order in which they begin to work
	Shared bool   // the qdisc clsact is there already, and another's

	rootBy, mirrorBy Need
}

// Root is a root qdisc.
type Root struct {
	Default bool // gives way to another
	NoQueue bool
	Limit   netdev.Limit // the zero value: none
}

// Hook is a BPF program at a hook.
type Hook struct {
	At     netdev.Hook
	Name   string                                   // of the filter: the attachment's alias, or its name for an interface
	Ours   func(name string) bool                   // whether a filter of that name can be it
	Device Ref                                      // that the program is about; its index is known later
	Load   func(*netdev.Link) (*bpf.Program, error) // of that device, as it is by then; the kernel keeps it as long as a filter has it
	Tag    [8]byte                                  // the kernel's hash of the program, for a comparison
	By     Need
}

// ErrQueued is in the chain if the device already has a root qdisc that another program made.
var ErrQueued = errors.New("somebody else queues what it sends")

// SetRoot asks for a root qdisc. A default one gives way.
func (t *TC) SetRoot(r Root, by Need) error {
	if t.Queued != "" {
		return fmt.Errorf("%w: qdisc %s", ErrQueued, t.Queued)
	}
	if t.Root.Default {
		t.Root = Root{}
	}
	if r.Default && t.Root != (Root{}) {
		return nil
	}
	if t.Root != (Root{}) && t.Root != r {
		return conflict("root qdisc", t.rootBy, by)
	}
	t.Root, t.rootBy = r, by
	return nil
}

// SetMirror asks for the qdisc ingress, which excludes clsact.
func (t *TC) SetMirror(to Ref, by Need) error {
	if len(t.Hooks) > 0 {
		return conflict("ingress", t.Hooks[0].By, by)
	}
	t.Mirror, t.mirrorBy = to, by
	return nil
}

// AddHooks asks for the qdisc clsact, which excludes ingress.
func (t *TC) AddHooks(hooks ...Hook) error {
	if t.Mirror != None {
		return conflict("ingress", t.mirrorBy, hooks[0].By)
	}
	t.Hooks = append(t.Hooks, hooks...)
	return nil
}

// RootBy returns the need that asked for the root qdisc.
func (t *TC) RootBy() Need { return t.rootBy }

// MirrorBy returns the need that asked for the qdisc ingress.
func (t *TC) MirrorBy() Need { return t.mirrorBy }

func conflict(what string, a, b Need) error {
	return b.Kind.Of(fmt.Errorf("%s and %s both need the %s of one device", a.Key, b.Key, what))
}
