package feature

import (
	"slices"

	"tap/internal/netconf"
	"tap/internal/plan"
)

// Feature is something that an attachment can have: what it does at each step of a verb.
// Nil: nothing. Each step is done for all features before the next. What is made, in which
// order and how it is undone is not its business: that follows from the plan.
type Feature struct {
	// Outlives says whether death before the commit would leave something behind, beside a
	// reservation. Signals are arranged for it before anything is looked at.
	Outlives func(netconf.Tap) bool

	Find   func(*Attachment) error                // look up what is there, in the namespace; refuse nothing (ADD, CHECK)
	Refuse func(*Attachment) error                // lock, and refuse what ADD cannot work with (ADD, STATUS)
	Plan   func(*Attachment, *plan.Desired) error // say what is needed of which device (ADD, STATUS, CHECK)
	Notice func(*Attachment) error                // tell the operator of what nobody asked for (ADD)
	Try    func(*Attachment) error                // make what another plugin makes before an ADD (STATUS)
}

// All is every feature, in the order of planning: redirect chooses the outlet, at which
// bandwidth limits.
func All() []Feature {
	return []Feature{newBase(), newPort(), newRedirect(), newBandwidth()}
}

// each does one step for all features.
func (a *Attachment) each(step func(Feature) func(*Attachment) error) error {
	for _, f := range a.features {
		if do := step(f); do != nil {
			if err := do(a); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Attachment) plan() error {
	return a.each(func(f Feature) func(*Attachment) error {
		return func(a *Attachment) error { return f.Plan(a, a.Want) } // every feature plans
	})
}

// Outlives says whether death before the commit would leave something behind.
func Outlives(asked netconf.Tap) bool {
	return slices.ContainsFunc(All(), func(f Feature) bool { return f.Outlives != nil && f.Outlives(asked) })
}

// Notice tells the operator of what came with the tap.
func (a *Attachment) Notice() error {
	return a.each(func(f Feature) func(*Attachment) error { return f.Notice })
}
