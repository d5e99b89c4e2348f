package plan

import (
	"errors"
	"fmt"

	"tap/internal/bpf"
	"tap/internal/netdev"
)

// TC is the desired state of all qdiscs and filters of a device, and the only place that decides about them:
// features change it by its methods, which merge what features need or return an error. The zero value keeps
// what exists.
type TC struct {
	Root        Root
	RootBy      Need   // set by SetRoot
	ForeignRoot string // kind of a root qdisc that another process added; it excludes Root
	Mirror      Role   // device to which all received frames are redirected (qdisc ingress)
	MirrorBy    Need   // set by SetMirror
	Hooks       []Hook // BPF programs (qdisc clsact), in the order of installation
	HasClsact   bool   // another process has added the qdisc clsact
}

// Root is a root qdisc, which queues the frames that a device sends.
type Root struct {
	Default bool // any other root qdisc replaces it
	NoQueue bool
	Limit   netdev.Limit // zero if not limited
}

// Hook is a BPF program at a hook of a device.
type Hook struct {
	At     netdev.Hook
	Name   string                                   // of the filter: the alias, or the HookName of the configuration
	IsOwn  func(name string) bool                   // reports whether a filter of that name can be this one
	Device Role                                     // argument of Load; its index is not known yet
	Load   func(*netdev.Link) (*bpf.Program, error) // loads the program; the kernel keeps it as long as a filter uses it
	Tag    [8]byte                                  // the kernel's hash of the program, for Diff
	By     Need
}

// ErrForeignRoot reports that another process added a root qdisc to the device.
var ErrForeignRoot = errors.New("already has a root qdisc")

// SetRoot requests a root qdisc. It returns an error if another one is requested or exists.
func (t *TC) SetRoot(r Root, by Need) error {
	if t.ForeignRoot != "" {
		return fmt.Errorf("%w: %s", ErrForeignRoot, t.ForeignRoot)
	}
	if t.Root.Default {
		t.Root = Root{}
	}
	if r.Default && t.Root != (Root{}) {
		return nil
	}
	if t.Root != (Root{}) && t.Root != r {
		return conflict("root qdisc", t.RootBy, by)
	}
	t.Root, t.RootBy = r, by
	return nil
}

// SetMirror requests the qdisc ingress, which excludes clsact, and a filter that redirects all received
// frames.
func (t *TC) SetMirror(to Role, by Need) error {
	if len(t.Hooks) > 0 {
		return conflict("ingress", t.Hooks[0].By, by)
	}
	t.Mirror, t.MirrorBy = to, by
	return nil
}

// AddHooks requests the qdisc clsact, which excludes ingress, and hooks.
func (t *TC) AddHooks(hooks ...Hook) error {
	if t.Mirror != None {
		return conflict("ingress", t.MirrorBy, hooks[0].By)
	}
	t.Hooks = append(t.Hooks, hooks...)
	return nil
}

func conflict(what string, a, b Need) error {
	return b.Kind.Wrap(fmt.Errorf("%s and %s both need the %s of one device", a.Key, b.Key, what))
}
