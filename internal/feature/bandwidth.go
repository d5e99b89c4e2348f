package feature

import (
	"errors"
	"fmt"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

// Kinds of the devices that ADD creates, IFLA_INFO_KIND.
const (
	tapKind    = "tun" // also of layer 3 devices
	egressKind = "ifb"
)

var (
	bandwidthKind = cni.Kind{Code: cni.CodeBandwidth, Advice: "limits need the kernel modules sch_tbf and, for egress, " +
		"ifb, sch_ingress, cls_u32 and act_mirred (modprobe loads them)"}
	foreignRootKind = bandwidthKind.With("with redirect, bandwidth.egressRate needs the root qdisc of the interface: " +
		"remove the key, and set the limit in the existing qdisc")
)

// newBandwidth returns the feature that limits the bandwidth of the guest. The tap sends the ingress traffic
// of the guest, so its root qdisc limits it. The tap receives the egress traffic, and no qdisc delays
// received frames: the root qdisc of the outlet limits it. If no other feature chooses the outlet, it is the
// egress device:
//
//	network ──> tap, root qdisc tbf ──> guest
//	guest ──> tap, qdisc ingress ──> egress device, root qdisc tbf ──> received by the tap ──> network
func newBandwidth() Feature {
	return Feature{Plan: planBandwidth, NeedsUndo: func(asked netconf.Tap) bool { return asked.Bandwidth.Egress != netconf.Limit{} }}
}

func planBandwidth(a *Attachment) error {
	asked, want, tap := a.Conf.Tap.Bandwidth, a.Want, a.Want.Device(plan.Tap)
	if asked.Ingress != (netconf.Limit{}) {
		by := plan.Need{Key: "bandwidth, ingress", Kind: bandwidthKind}
		if err := tap.TC.SetRoot(plan.Root{Limit: inBytes(asked.Ingress)}, by); err != nil {
			return err
		}
	}
	if asked.Egress == (netconf.Limit{}) {
		return nil
	}
	by := plan.Need{Key: "bandwidth, egress", Kind: bandwidthKind}
	if want.Outlet == plan.None {
		want.Outlet = plan.Egress
		egress, alias := want.Device(plan.Egress), a.Conf.Alias()
		egress.Kind, egress.Name, egress.Alias, egress.By = egressKind, netconf.EgressName(alias), netconf.EgressAlias(alias), by
		egress.NoLinkLocal = true // it only forwards frames: without an address it sends none of its own
		if err := tap.TC.SetMirror(plan.Egress, by); err != nil {
			return err
		}
	}
	outlet := want.Device(want.Outlet)
	err := outlet.TC.SetRoot(plan.Root{Limit: inBytes(asked.Egress)}, by)
	if errors.Is(err, plan.ErrForeignRoot) {
		return foreignRootKind.Wrap(fmt.Errorf("%s: interface %q: %w", by.Key, outlet.Name, err))
	}
	return err
}

// inBytes converts a limit from bits to bytes, the unit that tc uses.
func inBytes(l netconf.Limit) netdev.Limit {
	return netdev.Limit{Rate: l.Rate / 8, Burst: uint32(l.Burst / 8)}
}
