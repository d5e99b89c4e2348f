package feature

import (
	"math"
	"slices"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

// limited returns an attachment with limits and its plan.
func limited(t *testing.T, bandwidth netconf.Bandwidth) *Attachment {
	t.Helper()
	conf := &netconf.Config{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: netconf.Tap{Name: "net1", Bandwidth: bandwidth}}
	a := newAttachment(conf, nil, All())
	if err := a.run(planStep); err != nil {
		t.Fatal(err)
	}
	return a
}

// egressOfLimited is the name of the egress device of limited. TestEgressNameStays in netconf
// has the same name, which another program computed.
const egressOfLimited = "ifbmaulqli69gq2"

var (
	ingressOnly = netconf.Bandwidth{Ingress: netconf.Limit{Rate: 50_000_000, Burst: 800_000}}
	egressOnly  = netconf.Bandwidth{Egress: netconf.Limit{Rate: 20_000_000, Burst: 4_294_967_295}}
	bothLimits  = netconf.Bandwidth{Ingress: ingressOnly.Ingress, Egress: egressOnly.Egress}
)

// The buckets of this test are empty: package netdev makes others only of what the kernel sends.
// TestCheckBandwidth in test/e2e compares buckets of the kernel.
func TestCompareShaping(t *testing.T) {
	const (
		ingress      = "bandwidth, ingress: expected 6250000 bytes per second, burst of 100000 bytes, queue of 312500 bytes, found "
		egress       = "bandwidth, egress: expected 2500000 bytes per second, burst of 536870911 bytes, queue of 160000 bytes, found "
		emptyBucket  = "0 bytes per second, burst of 0 ticks, queue of 0 bytes"
		noDevice     = `missing ifb "` + egressOfLimited + `" (bandwidth, egress)`
		down         = "bandwidth, egress device up: expected true, found false"
		otherTarget  = "bandwidth, egress, device index in the ingress filter: expected 9, found "
		egressTarget = 9
	)
	type shaping struct {
		ingress, egress *netdev.Bucket
		device          *netdev.Link // the egress device; nil: not there
		mirror          int          // index of the device that gets the frames that the tap receives
	}
	device := func(up bool) *netdev.Link {
		return &netdev.Link{Index: egressTarget, Name: egressOfLimited, Kind: "ifb", Up: up}
	}
	for _, tt := range []struct {
		name  string
		asked netconf.Bandwidth
		seen  shaping
		want  []string
	}{
		{"no limit", netconf.Bandwidth{}, shaping{}, nil},
		{"no limit, foreign buckets and devices", netconf.Bandwidth{}, shaping{ingress: &netdev.Bucket{}, egress: &netdev.Bucket{}, device: device(false), mirror: 5}, nil},
		{"nothing there", bothLimits, shaping{}, []string{noDevice, ingress + "none"}},
		{"ingress, nothing there", ingressOnly, shaping{}, []string{ingress + "none"}},
		{"ingress, another bucket", ingressOnly, shaping{ingress: &netdev.Bucket{}}, []string{ingress + emptyBucket}},
		{"ingress, the egress device does not matter", ingressOnly, shaping{device: device(false), mirror: 5}, []string{ingress + "none"}},
		{"egress, nothing there", egressOnly, shaping{}, []string{noDevice}},
		{"egress, the tap's bucket does not matter", egressOnly, shaping{ingress: &netdev.Bucket{}}, []string{noDevice}},
		{"egress, no bucket", egressOnly, shaping{device: device(true), mirror: egressTarget}, []string{egress + "none"}},
		{"egress, another bucket", egressOnly, shaping{device: device(true), mirror: egressTarget, egress: &netdev.Bucket{}}, []string{egress + emptyBucket}},
		{"egress, down", egressOnly, shaping{device: device(false), mirror: egressTarget}, []string{down, egress + "none"}},
		{"egress, no filter", egressOnly, shaping{device: device(true)}, []string{otherTarget + "0", egress + "none"}},
		{"egress, filter to another device", egressOnly, shaping{device: device(true), mirror: 8}, []string{otherTarget + "8", egress + "none"}},
		{"everything", bothLimits, shaping{ingress: &netdev.Bucket{}, device: device(false), mirror: 8, egress: &netdev.Bucket{}},
			[]string{ingress + emptyBucket, otherTarget + "8", down, egress + emptyBucket}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := limited(t, tt.asked)
			tap := &netdev.Link{Index: 7, Name: "net1", Alias: a.Conf.Alias(), Kind: "tun", Up: true, Tun: &netdev.Tun{Tap: true, Persistent: true}}
			seen := &plan.Observed{Devices: map[plan.Role]*plan.State{plan.Tap: {Link: tap, Bucket: tt.seen.ingress, Mirror: tt.seen.mirror}}}
			if tt.seen.device != nil {
				seen.Devices[plan.Egress] = &plan.State{Link: tt.seen.device, Bucket: tt.seen.egress}
			}
			if got := texts(plan.Diff(a.Want, seen)); !slices.Equal(got, tt.want) {
				t.Errorf("Diff\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}

func TestPlanBandwidth(t *testing.T) {
	in, out := plan.Root{Limit: inBytes(ingressOnly.Ingress)}, plan.Root{Limit: inBytes(egressOnly.Egress)}
	for _, tt := range []struct {
		name      string
		bandwidth netconf.Bandwidth
		tap       plan.Root
		mirror    plan.Role
		egress    *plan.Root // nil: no egress device
	}{
		{"no limit", netconf.Bandwidth{}, plan.Root{}, plan.None, nil},
		{"ingress", ingressOnly, in, plan.None, nil},
		{"egress", egressOnly, plan.Root{}, plan.Egress, &out},
		{"both", bothLimits, in, plan.Egress, &out},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := limited(t, tt.bandwidth).Want
			tap, egress := want.Device(plan.Tap), want.Devices[plan.Egress]
			if tap.TC.Root != tt.tap || tap.TC.Mirror != tt.mirror {
				t.Errorf("tap\nwant %+v, mirror to %d\ngot  %+v, mirror to %d", tt.tap, tt.mirror, tap.TC.Root, tap.TC.Mirror)
			}
			if (egress != nil) != (tt.egress != nil) {
				t.Fatalf("egress device\nwant %v\ngot  %+v", tt.egress, egress)
			}
			if egress == nil {
				return
			}
			if egress.TC.Root != *tt.egress || egress.Name != egressOfLimited || egress.Kind != "ifb" || egress.Alias != "ifb/vms/0123abcd/net1" {
				t.Errorf("egress device\nwant %s of kind ifb, %+v\ngot  %+v", egressOfLimited, *tt.egress, egress)
			}
		})
	}
}

// With redirect the interface limits egress: there is no egress device. A limit of ingress takes
// the place of noqueue on the tap.
func TestPlanBandwidthWithRedirect(t *testing.T) {
	noQueue := plan.Root{NoQueue: true, Default: true}
	for _, tt := range []struct {
		name       string
		bandwidth  netconf.Bandwidth
		tap, iface plan.Root
	}{
		{"no limit", netconf.Bandwidth{}, noQueue, plan.Root{}},
		{"ingress", ingressOnly, plan.Root{Limit: inBytes(ingressOnly.Ingress)}, plan.Root{}},
		{"egress", egressOnly, noQueue, plan.Root{Limit: inBytes(egressOnly.Egress)}},
		{"both", bothLimits, plan.Root{Limit: inBytes(ingressOnly.Ingress)}, plan.Root{Limit: inBytes(egressOnly.Egress)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := redirected(tt.bandwidth)
			a.features = All()
			if err := a.run(planStep); err != nil {
				t.Fatal(err)
			}
			if tap, iface := a.Want.Device(plan.Tap).TC.Root, a.Want.Device(plan.Interface).TC.Root; tap != tt.tap || iface != tt.iface {
				t.Errorf("root qdiscs of tap and interface\nwant %+v, %+v\ngot  %+v, %+v", tt.tap, tt.iface, tap, iface)
			}
			if a.Want.Devices[plan.Egress] != nil || a.Want.Device(plan.Tap).TC.Mirror != plan.None {
				t.Errorf("egress device\nwant none\ngot  %+v", a.Want.Devices[plan.Egress])
			}
		})
	}
}

func TestInBytes(t *testing.T) {
	for _, tt := range []struct {
		bits netconf.Limit
		want netdev.Limit
	}{
		{netconf.Limit{Rate: 8, Burst: 640_000}, netdev.Limit{Rate: 1, Burst: 80_000}},
		{netconf.Limit{Rate: 15, Burst: 640_007}, netdev.Limit{Rate: 1, Burst: 80_000}}, // never more than asked for
		{netconf.Limit{Rate: 100_000_000_000, Burst: math.MaxUint32}, netdev.Limit{Rate: 12_500_000_000, Burst: 536_870_911}},
		{netconf.Limit{Rate: 1_000_000_000_000_000, Burst: math.MaxUint32}, netdev.Limit{Rate: 125_000_000_000_000, Burst: 536_870_911}},
	} {
		if got := inBytes(tt.bits); got != tt.want {
			t.Errorf("inBytes(%+v)\nwant %+v\ngot  %+v", tt.bits, tt.want, got)
		}
	}
}
