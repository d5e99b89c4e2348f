package plugin

import (
	"math"
	"slices"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// limited is an attachment with limits.
func limited(bandwidth netconf.Bandwidth) *netconf.Config {
	return &netconf.Config{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: netconf.Tap{Name: "net1", Bandwidth: bandwidth}}
}

// egressOfLimited is the egress device of limited, whose name the test of EgressName has worked out.
const egressOfLimited = "ifbmaulqli69gq2"

// The buckets of this test are empty: those of the kernel have no exported
// field, and TestCheckBandwidth in test/e2e has it make some.
func TestCompareShaping(t *testing.T) {
	var (
		in   = netconf.Bandwidth{Ingress: netconf.Limit{Rate: 50_000_000, Burst: 800_000}}
		out  = netconf.Bandwidth{Egress: netconf.Limit{Rate: 20_000_000, Burst: 4_294_967_295}}
		both = netconf.Bandwidth{Ingress: in.Ingress, Egress: out.Egress}
	)
	const (
		ingress     = "bandwidth, ingress: expected 6250000 bytes per second, burst of 100000 bytes, queue of 312500 bytes, found "
		egress      = "bandwidth, egress: expected 2500000 bytes per second, burst of 536870911 bytes, queue of 160000 bytes, found "
		emptyBucket = "0 bytes per second, burst of 0 ticks, queue of 0 bytes"
		noDevice    = "bandwidth, egress device: expected " + egressOfLimited + ", found no ifb of that name"
		down        = "bandwidth, egress device up: expected true, found false"
		elsewhere   = "bandwidth, index of the egress device that gets the guest's frames: expected 9, found "
	)
	device := func(up bool) *netdev.Link {
		return &netdev.Link{Index: 9, Name: egressOfLimited, Kind: "ifb", Up: up}
	}
	for _, tt := range []struct {
		name  string
		asked netconf.Bandwidth
		seen  shaping
		want  []string
	}{
		{"no limit", netconf.Bandwidth{}, shaping{}, nil},
		{"no limit, whatever else is there", netconf.Bandwidth{}, shaping{ingress: &netdev.Bucket{}, egress: &netdev.Bucket{}, device: device(false), redirect: 5}, nil},
		{"nothing there", both, shaping{}, []string{ingress + "none", noDevice}},
		{"ingress, nothing there", in, shaping{}, []string{ingress + "none"}},
		{"ingress, another bucket", in, shaping{ingress: &netdev.Bucket{}}, []string{ingress + emptyBucket}},
		{"ingress, the egress device does not matter", in, shaping{device: device(false), redirect: 5}, []string{ingress + "none"}},
		{"egress, nothing there", out, shaping{}, []string{noDevice}},
		{"egress, the tap's bucket does not matter", out, shaping{ingress: &netdev.Bucket{}}, []string{noDevice}},
		{"egress, no bucket", out, shaping{device: device(true), redirect: 9}, []string{egress + "none"}},
		{"egress, another bucket", out, shaping{device: device(true), redirect: 9, egress: &netdev.Bucket{}}, []string{egress + emptyBucket}},
		{"egress, down", out, shaping{device: device(false), redirect: 9}, []string{down, egress + "none"}},
		{"egress, no filter", out, shaping{device: device(true)}, []string{elsewhere + "0", egress + "none"}},
		{"egress, filter to another device", out, shaping{device: device(true), redirect: 8}, []string{elsewhere + "8", egress + "none"}},
		{"everything", both, shaping{ingress: &netdev.Bucket{}, device: device(false), redirect: 8, egress: &netdev.Bucket{}},
			[]string{ingress + emptyBucket, down, elsewhere + "8", egress + emptyBucket}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := compareShaping(limited(tt.asked), tt.seen); !slices.Equal(got, tt.want) {
				t.Errorf("compareShaping\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}

func TestIsEgress(t *testing.T) {
	named := limited(netconf.Bandwidth{})
	named.Tap.Name = "tap0"
	for _, tt := range []struct {
		name string
		conf *netconf.Config
		link netdev.Link
		want bool
	}{
		{"ours", limited(netconf.Bandwidth{Egress: netconf.Limit{Rate: 8, Burst: 640_000}}), netdev.Link{Name: egressOfLimited, Kind: "ifb"}, true},
		{"ours, no longer limited", limited(netconf.Bandwidth{}), netdev.Link{Name: egressOfLimited, Kind: "ifb"}, true},
		{"ours, with alias", limited(netconf.Bandwidth{}), netdev.Link{Name: egressOfLimited, Kind: "ifb", Alias: "ifb/vms/0123abcd/net1"}, true},
		{"another kind", limited(netconf.Bandwidth{}), netdev.Link{Name: egressOfLimited, Kind: "dummy"}, false},
		{"another name", limited(netconf.Bandwidth{}), netdev.Link{Name: "ifb0", Kind: "ifb"}, false},
		{"another tapName's", named, netdev.Link{Name: egressOfLimited, Kind: "ifb"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := isEgress(tt.conf, &tt.link); got != tt.want {
				t.Errorf("isEgress\nwant %v\ngot  %v", tt.want, got)
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
