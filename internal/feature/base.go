package feature

import (
	"tap/internal/netconf"
	"tap/internal/plan"
)

// newBase returns the feature that plans the tap itself. A multi-queue tap outlives a process that dies,
// because another process may be attached to it.
func newBase() Feature {
	return Feature{Plan: planBase, NeedsUndo: func(asked netconf.Tap) bool { return asked.MultiQueue }}
}

func planBase(a *Attachment) error {
	asked, tap := a.Conf.Tap, a.Want.Device(plan.Tap)
	tap.Name, tap.By = asked.Name, plan.Need{Key: "tap", Kind: deviceKind}
	tap.Alias, tap.MTU, tap.MAC, tap.TxQueueLen = a.Conf.Alias(), asked.MTU, asked.MAC, asked.TxQueueLen
	tap.Promisc, tap.AllMulti = asked.Promisc, asked.AllMulti
	tap.MultiQueue, tap.Owner, tap.Group, tap.Label = asked.MultiQueue, asked.Owner, asked.Group, asked.Label
	return nil
}
