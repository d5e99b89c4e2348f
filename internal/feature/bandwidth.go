package feature

import (
	"errors"
	"fmt"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

const egressKind = "ifb"

var (
	limitFault   = cni.Kind{Code: cni.CodeBandwidth, Advice: "limits need the kernel's modules sch_tbf, and for egress ifb, sch_ingress, cls_u32 and act_mirred (modprobe loads them)"}
	limitedFault = cni.Kind{Code: cni.CodeBandwidth, Advice: "bandwidth.egressRate of a tap with redirect is the interface's root qdisc: leave the limit to whoever made the one that is there"}
)

// newBandwidth bounds what passes the tap. What goes to the guest leaves through the tap,
// whose root qdisc is part of it. What comes from the guest is received, which no qdisc
// can delay: it is limited where it leaves, or takes the way through a device of its own,
// the egress device.
func newBandwidth() Feature {
	return Feature{Plan: planBandwidth, Outlives: func(asked netconf.Tap) bool { return asked.Bandwidth.Egress != netconf.Limit{} }}
}

func planBandwidth(a *Attachment, want *plan.Desired) error {
	asked, tap := a.Conf.Tap.Bandwidth, want.Device(plan.Tap)
	if asked.Ingress != (netconf.Limit{}) {
		by := plan.Need{Key: "bandwidth, ingress", Kind: limitFault}
		if err := tap.TC.SetRoot(plan.Root{Limit: inBytes(asked.Ingress)}, by); err != nil {
			return err
		}
	}
	if asked.Egress == (netconf.Limit{}) {
		return nil
	}
	by := plan.Need{Key: "bandwidth, egress", Kind: limitFault}
	if want.Outlet == plan.None {
		want.Outlet = plan.Egress
		egress := want.Device(plan.Egress)
		egress.Kind, egress.Name, egress.By, egress.Silent = egressKind, netconf.EgressName(a.Conf.Alias()), by, true
		egress.Alias = netconf.EgressAlias(a.Conf.Alias())
		if err := tap.TC.SetMirror(plan.Egress, by); err != nil {
			return err
		}
	}
	outlet := want.Device(want.Outlet)
	err := outlet.TC.SetRoot(plan.Root{Limit: inBytes(asked.Egress)}, by)
	if errors.Is(err, plan.ErrQueued) {
		return limitedFault.Of(fmt.Errorf("interface %q: %w", outlet.Name, err))
	}
	return err
}

// inBytes is a limit as tc counts.
func inBytes(l netconf.Limit) netdev.Limit {
	return netdev.Limit{Rate: l.Rate / 8, Burst: uint32(l.Burst / 8)}
}
