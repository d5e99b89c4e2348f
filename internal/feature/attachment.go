// Package feature contains what an attachment can have, one file for each feature, and what the features
// share: creating an attachment, its undo, and the sweep that removes it later.
package feature

import (
	"slices"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
	"tap/internal/plan"
	"tap/internal/tuntap"
)

// Attachment is an attachment that ADD or STATUS creates, or that CHECK compares. ADD takes it through these
// states; a failure in any of them is undone, in reverse order:
//
//	planned     nothing exists; locks are held
//	   │ Create
//	created     the tap has its final name, which is the lock on the attachment
//	   │ Configure, ApplyIPAM, EnableLoopback
//	configured  the tap works; it still disappears when the process dies
//	   │ Persist (the commit)
//	committed   the tap outlives the process
//	   │ ApplyAfterCommit
//	hooked      only in redirect mode: the pod's interface passes its frames to the tap
type Attachment struct {
	Conf    *netconf.Config
	Sandbox *netns.Sandbox
	Conn    *netdev.Conn // route netlink, in the namespace of the attachment
	Want    *plan.Desired
	Found   map[plan.Role]*netdev.Link // devices that exist: found by a feature, or created
	Undo    Undo

	features       []Feature
	stop           func() error // for Conn: returns an error when no further request is allowed
	file           *tuntap.File // /dev/net/tun, opened in the namespace of the attachment
	interfaceHooks *loadedHooks // programs for the pod's interface
	onClose        []func()
}

func newAttachment(conf *netconf.Config, sandbox *netns.Sandbox, features []Feature) *Attachment {
	return &Attachment{Conf: conf, Sandbox: sandbox, Want: plan.New(), Found: map[plan.Role]*netdev.Link{}, features: features}
}

// Open locks and validates what exists in the container's namespace, and plans the attachment. It creates
// nothing. The attachment makes no further request to the kernel once stop returns an error.
func Open(conf *netconf.Config, sandbox *netns.Sandbox, stop func() error) (*Attachment, error) {
	return openAll(newAttachment(conf, sandbox, All()), stop, findStep, validateStep, planStep)
}

// OpenTrial is Open for STATUS. It first creates stubs of what other plugins create before an ADD.
func OpenTrial(conf *netconf.Config, sandbox *netns.Sandbox) (*Attachment, error) {
	return openAll(newAttachment(conf, sandbox, All()), TimeLimit(TrialLimit), stubStep, findStep, validateStep, planStep)
}

func openAll(a *Attachment, stop func() error, steps ...step) (*Attachment, error) {
	a.stop = stop
	if err := enter(a.Sandbox.DoInPlace, func() error { return a.open(steps...) }); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// open connects to the kernel, executes the steps and opens /dev/net/tun, on a thread that is in the
// namespace.
func (a *Attachment) open(steps ...step) error {
	if err := a.inspect(steps...); err != nil {
		return err
	}
	var err error
	a.file, err = tuntap.Open()
	return tunError(err)
}

// inspect connects to the kernel and executes the steps, on a thread that is in the namespace.
func (a *Attachment) inspect(steps ...step) error {
	var err error
	if a.Conn, err = netdev.Dial(); err != nil {
		return deviceKind.Wrap(err)
	}
	a.Conn.StopWhen(a.stop)
	return a.run(steps...)
}

// Notice warns about side effects of the new tap.
func (a *Attachment) Notice() error { return a.run(noticeStep) }

// Tap returns the tap as it was when it was created; nil if it does not exist.
func (a *Attachment) Tap() *netdev.Link { return a.Found[plan.Tap] }

// HasOtherDevice reports whether another tap carries the alias of this attachment, i.e. the attachment
// existed before and its tap was renamed.
func (a *Attachment) HasOtherDevice() (bool, error) {
	others, err := a.Conn.Links(tapKind, a.isOther)
	return len(others) > 0, err
}

// isOther reports whether a device is another tap with the alias of this attachment.
func (a *Attachment) isOther(l *netdev.Link) bool {
	return l.IsTap() && l.Alias == a.Conf.Alias() && (a.Tap() == nil || l.Index != a.Tap().Index)
}

// Close releases locks, programs and descriptors. The kernel removes a tap that is not committed.
func (a *Attachment) Close() {
	for _, f := range slices.Backward(a.onClose) {
		f()
	}
	if a.Conn != nil {
		a.Conn.Close()
	}
	if a.file != nil {
		a.file.Close()
	}
}
