package feature

import (
	"slices"

	"tap/internal/netconf"
)

// Feature is one capability of an attachment: a function for each step of a verb, nil if the feature does
// nothing in that step. A verb finishes a step for all features before it begins the next.
//
// A feature creates and undoes nothing: the devices, their order and their undo follow from the plan.
type Feature struct {
	// NeedsUndo reports whether a process that dies before the commit leaves something on the host, besides
	// the IPAM reservation. ADD decides by it about signals, before any system call.
	NeedsUndo func(netconf.Tap) bool

	Find            func(*Attachment) error // look up what exists in the namespace; reject nothing (ADD, STATUS, CHECK)
	LockAndValidate func(*Attachment) error // lock what ADD will change, then reject what it cannot work with (ADD, STATUS)
	Plan            func(*Attachment) error // add to Want what is required of which device (ADD, STATUS, CHECK)
	Notice          func(*Attachment) error // warn about side effects (ADD)
	AddStub         func(*Attachment) error // create a stub of what another plugin creates before ADD (STATUS)
}

// All returns all features in the order of planning: redirect chooses the outlet, at which bandwidth limits.
func All() []Feature {
	return []Feature{newBase(), newProtection(), newPort(), newRedirect(), newBandwidth()}
}

// NeedsUndo reports whether a process that dies before the commit leaves something on the host, besides the
// IPAM reservation.
func NeedsUndo(asked netconf.Tap) bool {
	return slices.ContainsFunc(All(), func(f Feature) bool { return f.NeedsUndo != nil && f.NeedsUndo(asked) })
}

// step selects the function of a feature for one step.
type step func(Feature) func(*Attachment) error

func findStep(f Feature) func(*Attachment) error     { return f.Find }
func validateStep(f Feature) func(*Attachment) error { return f.LockAndValidate }
func planStep(f Feature) func(*Attachment) error     { return f.Plan }
func noticeStep(f Feature) func(*Attachment) error   { return f.Notice }
func stubStep(f Feature) func(*Attachment) error     { return f.AddStub }

// run executes steps in order, each for all features, until one fails.
func (a *Attachment) run(steps ...step) error {
	for _, function := range steps {
		for _, f := range a.features {
			if do := function(f); do != nil {
				if err := do(a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
