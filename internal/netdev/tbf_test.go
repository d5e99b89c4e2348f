package netdev

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
)

// maxBurst is the largest burst that a CNI configuration can contain, 2^32-1 bits, in bytes.
const maxBurst = 1<<29 - 1

func TestLimitQueue(t *testing.T) {
	for _, tt := range []struct {
		rate uint64 // bytes per second
		want uint32 // bytes
	}{
		{0, 160_000},
		{1, 160_000},
		{125_000, 160_000},
		{3_199_999, 160_000}, // above: 1/20 second is more than two frames
		{3_200_000, 160_000},
		{3_200_020, 160_001},
		{6_250_000, 312_500},
		{125_000_000, 6_250_000},
		{5_368_709_119, 268_435_455},
		{5_368_709_120, 268_435_456}, // limit of 256 MiB reached
		{12_500_000_000, 268_435_456},
		{85_899_345_920, 268_435_456}, // 1/20 second is 2^32 bytes
		{125_000_000_000_000, 268_435_456},
		{math.MaxUint64, 268_435_456},
	} {
		for _, burst := range []uint32{80_000, maxBurst} {
			if got := (Limit{Rate: tt.rate, Burst: burst}).queue(); got != tt.want {
				t.Errorf("queue of %d bytes per second with a burst of %d\nwant %d\ngot  %d", tt.rate, burst, tt.want, got)
			}
		}
	}
}

// kernelTicks calculates the burst that the kernel reports for l, in ticks.
// Source: Linux 6.12, net/sched/sch_generic.c, psched_ratecfg_precompute__;
// include/net/sch_generic.h, psched_l2t_ns; include/net/pkt_sched.h, PSCHED_NS2TICKS;
// net/sched/sch_tbf.c, tbf_dump.
func kernelTicks(l Limit) uint32 {
	mult, shift := uint32(1), 0
	for factor := uint64(1_000_000_000); ; factor, shift = factor<<1, shift+1 {
		mult = uint32(factor / l.Rate)
		if mult&(1<<31) != 0 || factor&(1<<63) != 0 {
			break
		}
	}
	ns := uint64(l.Burst) * uint64(mult) >> shift
	return uint32(ns >> 6)
}

func TestBucketMatches(t *testing.T) {
	for _, tt := range []struct {
		limit Limit
		ticks uint32 // as reported by Linux 6.18
	}{
		// 1/50 s and 1/25 s, in ticks of 64 ns
		{Limit{5_000_000, 100_000}, 312_500},
		{Limit{2_500_000, 100_000}, 625_000},
		{Limit{6_250_000, 100_000}, 250_000},
		{Limit{125_000_000, 100_000}, 12_500},
		{Limit{125_000, 80_000}, 10_000_000},
		{Limit{1_000, 80_000}, 1_250_000_000},
		// 80,000 and 536,870,911 seconds: wrapped 291 and 1,953,124 times
		{Limit{1, 80_000}, 164_516_864},
		{Limit{1, maxBurst}, 4_279_342_296},
		// 104 and 374,491 ticks off the exact quotient, because the kernel's factor has 31 bits
		{Limit{3, 80_000}, 54_838_850},
		{Limit{7, maxBurst}, 3_678_793_905},
		// the burst of a kubelet at 1 Mbit/s: 67,108,863,875 ticks, wrapped 15 times
		{Limit{125_000, maxBurst}, 2_684_354_435},
		// just below and above 2^32 ticks
		{Limit{1_953_126, maxBurst}, 4_294_965_088},
		{Limit{1_953_125, maxBurst}, 4_294_967_288},
		{Limit{1_953_124, maxBurst}, 2_189},
		// just below and at 2^32 bytes per second
		{Limit{1<<32 - 1, maxBurst}, 1_953_124},
		{Limit{1 << 32, maxBurst}, 1_953_124},
		{Limit{12_500_000_000, 80_000}, 99}, // 6,400 ns, rounded down
		{Limit{12_500_000_000, maxBurst}, 671_088},
		{Limit{1_000_000_000_000, 80_000}, 1},
		{Limit{125_000_000_000_000, 80_000}, 0},
		{Limit{125_000_000_000_000, maxBurst}, 67},
	} {
		t.Run(fmt.Sprintf("%d, %d", tt.limit.Rate, tt.limit.Burst), func(t *testing.T) {
			if got := kernelTicks(tt.limit); got != tt.ticks {
				t.Errorf("kernelTicks of this test\nwant %d\ngot  %d", tt.ticks, got)
			}
			bucket := Bucket{rate: tt.limit.Rate, ticks: tt.ticks, queue: tt.limit.queue()}
			if !bucket.Matches(tt.limit) {
				t.Errorf("%s matches %s\nwant true\ngot  false", &bucket, tt.limit)
			}
			for name, other := range map[string]Bucket{
				"faster":        {bucket.rate + 1, bucket.ticks, bucket.queue, false},
				"slower":        {bucket.rate - 1, bucket.ticks, bucket.queue, false},
				"rate + 2^32":   {bucket.rate + 1<<32, bucket.ticks, bucket.queue, false},
				"longer queue":  {bucket.rate, bucket.ticks, bucket.queue + 1, false},
				"shorter queue": {bucket.rate, bucket.ticks, bucket.queue - 1, false},
				"no queue":      {bucket.rate, bucket.ticks, 0, false},
				"half a wrap":   {bucket.rate, bucket.ticks + 1<<31, bucket.queue, false},
				"peak rate":     {bucket.rate, bucket.ticks, bucket.queue, true},
				"none":          {},
			} {
				if other.Matches(tt.limit) {
					t.Errorf("%s: %s matches %s\nwant false\ngot  true", name, &other, tt.limit)
				}
			}
		})
	}
}

// A limit matches the burst that the kernel calculates for it, and not a burst that differs by 1/1000.
func TestBucketMatchesKernelRounding(t *testing.T) {
	for rate := uint64(1); rate <= 125_000_000_000_000; rate += 1 + rate/9 {
		for burst := uint64(80_000); burst <= maxBurst; burst += 1 + burst/5 {
			limit := Limit{Rate: rate, Burst: uint32(burst)}
			bucket := Bucket{rate: rate, ticks: kernelTicks(limit), queue: limit.queue()}
			if !bucket.Matches(limit) {
				t.Fatalf("%s matches %s\nwant true\ngot  false", &bucket, limit)
			}
			// Below 1 Gbit/s, 1/1000 of the burst is many ticks.
			if other := (Limit{Rate: rate, Burst: limit.Burst + limit.Burst/1000}); rate < 125_000_000 && bucket.Matches(other) {
				t.Fatalf("%s matches %s\nwant false\ngot  true", &bucket, other)
			}
		}
	}
}

func TestBucketMatchesToleranceLimits(t *testing.T) {
	limit := Limit{Rate: 2_500_000, Burst: 100_000}     // 625,000 ticks
	nearWrap := Limit{Rate: 1_953_125, Burst: maxBurst} // 4,294,967,288 ticks
	for _, tt := range []struct {
		limit Limit
		ticks uint32
		want  bool
	}{
		{limit, 624_997, false}, {limit, 624_998, true}, {limit, 625_000, true}, {limit, 625_002, true}, {limit, 625_003, false},
		{limit, 0, false}, {limit, math.MaxUint32, false},
		{nearWrap, 4_294_967_279, true}, {nearWrap, 4_294_967_278, false}, // tolerance: 2 + 4294967288 / 2^29, rounded down
		{nearWrap, 0, true}, {nearWrap, 1, true}, {nearWrap, 2, false},
	} {
		bucket := Bucket{rate: tt.limit.Rate, ticks: tt.ticks, queue: tt.limit.queue()}
		if got := bucket.Matches(tt.limit); got != tt.want {
			t.Errorf("%s matches %s\nwant %v\ngot  %v", &bucket, tt.limit, tt.want, got)
		}
	}
}

func TestBucketString(t *testing.T) {
	var none *Bucket
	if got := none.String(); got != "none" {
		t.Errorf("String of nil\nwant none\ngot  %s", got)
	}
	if got, want := (&Bucket{1, 2, 3, false}).String(), "1 bytes per second, burst of 2 ticks, queue of 3 bytes"; got != want {
		t.Errorf("String\nwant %s\ngot  %s", want, got)
	}
}

func TestParseBucket(t *testing.T) {
	parms := func(rate, buffer, limit uint32) []byte {
		qopt := nl.TcTbfQopt{Rate: nl.TcRateSpec{Rate: rate}, Limit: limit, Buffer: buffer}
		return nl.NewRtAttr(nl.TCA_TBF_PARMS, qopt.Serialize()).Serialize()
	}
	rate64 := func(rate uint64) []byte { return nl.NewRtAttr(nl.TCA_TBF_RATE64, nl.Uint64Attr(rate)).Serialize() }
	for _, tt := range []struct {
		name    string
		options [][]byte
		want    Bucket
	}{
		{"32 bits", [][]byte{parms(2_500_000, 625_000, 160_000)}, Bucket{2_500_000, 625_000, 160_000, false}},
		{"64 bits", [][]byte{parms(math.MaxUint32, 99, 5), rate64(12_500_000_000)}, Bucket{12_500_000_000, 99, 5, false}},
		{"64 bits first", [][]byte{rate64(12_500_000_000), parms(math.MaxUint32, 99, 5)}, Bucket{12_500_000_000, 99, 5, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var options []byte
			for _, option := range tt.options {
				options = append(options, option...)
			}
			got, err := parseBucket(options)
			if err != nil || *got != tt.want {
				t.Errorf("parseBucket\nwant %s\ngot  %v, %v", &tt.want, got, err)
			}
		})
	}
}

func TestParseBucketTruncated(t *testing.T) {
	short := nl.NewRtAttr(nl.TCA_TBF_PARMS, make([]byte, nl.SizeofTcTbfQopt-1)).Serialize()
	for _, options := range [][]byte{nil, short} {
		if got, err := parseBucket(options); err == nil || !strings.Contains(err.Error(), "tbf") {
			t.Errorf("parseBucket of %d bytes\nwant an error\ngot  %v, %v", len(options), got, err)
		}
	}
}
