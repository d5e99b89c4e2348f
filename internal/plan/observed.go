package plan

import "tap/internal/netdev"

// Observed is the observed state of an attachment, without addresses and routes.
type Observed struct {
	Devices  map[Role]*State // nil if missing
	Namesake *netdev.Link    // device that has the name of the tap, but another alias; nil if there is none
	Master   string          // name of the bridge of which the tap is a port; empty if it is not a port
}

// State is the observed state of one device. It is read as far as the plan has something to compare with.
type State struct {
	*netdev.Link
	VLANs   []netdev.VLANRange // of a port
	Root    string             // kind of the root qdisc
	Bucket  *netdev.Bucket     // parameters of a root qdisc tbf; nil for another kind
	Mirror  int                // index of the device to which all received frames are redirected; 0 if there is none
	Filters []netdev.Filter    // those of the plan, at both hooks
}
