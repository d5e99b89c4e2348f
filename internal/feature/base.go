package feature

import (
	"tap/internal/netconf"
	"tap/internal/plan"
)

// newBase is what every tap has.
func newBase() Feature {
	return Feature{Plan: planBase, Outlives: func(asked netconf.Tap) bool { return asked.MultiQueue }} // somebody may attach to it
}

func planBase(a *Attachment, want *plan.Desired) error {
	asked, tap := a.Conf.Tap, want.Device(plan.Tap)
	tap.Name, tap.By = asked.Name, plan.Need{Key: "tap", Kind: deviceKind}
	tap.Alias, tap.MTU, tap.MAC, tap.TxQueueLen = a.Conf.Alias(), asked.MTU, asked.MAC, asked.TxQueueLen
	tap.Promisc, tap.AllMulti, tap.ARPNotify = asked.Promisc, asked.AllMulti, a.Conf.IPAM != ""
	tap.MultiQueue, tap.Owner, tap.Group, tap.Label = asked.MultiQueue, asked.Owner, asked.Group, asked.Label
	return nil
}
