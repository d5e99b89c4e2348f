package netdev

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
)

// maxBurst is the largest burst that CNI can name, 2^32-1 bits, in bytes.
const maxBurst = 1<<29 - 1

func TestLimitQueue(t *testing.T) {
	for _, tt := range []struct {
		rate uint64 // bytes per second
		want uint32 // bytes
	}{
		{0, 160_000},
		{1, 160_000},
		{125_000, 160_000},
		{3_199_999, 160_000}, // from here on a twentieth is more than two frames
		{3_200_000, 160_000},
		{3_200_020, 160_001},
		{6_250_000, 312_500},
		{125_000_000, 6_250_000},
		{5_368_709_119, 268_435_455},
		{5_368_709_120, 268_435_456}, // and here it is 256 MiB
		{12_500_000_000, 268_435_456},
		{85_899_345_920, 268_435_456}, // whose twentieth is 2^32
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

// kernelTicks is what the kernel tells of a burst: Linux 6.12, net/sched/sch_generic.c,
// psched_ratecfg_precompute__; include/net/sch_generic.h, psched_l2t_ns; include/net/pkt_sched.h,
// PSCHED_NS2TICKS; net/sched/sch_tbf.c, tbf_dump.
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
		ticks uint32 // as Linux 6.18 told them
	}{
		// 1/50 s and 1/25 s, in ticks of 64 ns
		{Limit{5_000_000, 100_000}, 312_500},
		{Limit{2_500_000, 100_000}, 625_000},
		{Limit{6_250_000, 100_000}, 250_000},
		{Limit{125_000_000, 100_000}, 12_500},
		{Limit{125_000, 80_000}, 10_000_000},
		{Limit{1_000, 80_000}, 1_250_000_000},
		// 80,000 and 536,870,911 seconds: wrapped 291 times, and 1,953,124 times
		{Limit{1, 80_000}, 164_516_864},
		{Limit{1, maxBurst}, 4_279_342_296},
		// off from what division gives by 104 and 374,491 ticks: the kernel's factor has 31 bits
		{Limit{3, 80_000}, 54_838_850},
		{Limit{7, maxBurst}, 3_678_793_905},
		// a kubelet's burst at 1 Mbit/s: 67,108,863,875 ticks, wrapped 15 times
		{Limit{125_000, maxBurst}, 2_684_354_435},
		// on both sides of 2^32 ticks
		{Limit{1_953_126, maxBurst}, 4_294_965_088},
		{Limit{1_953_125, maxBurst}, 4_294_967_288},
		{Limit{1_953_124, maxBurst}, 2_189},
		// on both sides of 2^32 bytes per second
		{Limit{1<<32 - 1, maxBurst}, 1_953_124},
		{Limit{1 << 32, maxBurst}, 1_953_124},
		{Limit{12_500_000_000, 80_000}, 99}, // 6,400 ns less the last bit
		{Limit{12_500_000_000, maxBurst}, 671_088},
		{Limit{1_000_000_000_000, 80_000}, 1},
		{Limit{125_000_000_000_000, 80_000}, 0},
		{Limit{125_000_000_000_000, maxBurst}, 67},
	} {
		t.Run(fmt.Sprintf("%d, %d", tt.limit.Rate, tt.limit.Burst), func(t *testing.T) {
			if got := kernelTicks(tt.limit); got != tt.ticks {
				t.Errorf("kernelTicks, this test's own\nwant %d\ngot  %d", tt.ticks, got)
			}
			is := Bucket{rate: tt.limit.Rate, ticks: tt.ticks, queue: tt.limit.queue()}
			if !is.Matches(tt.limit) {
				t.Errorf("%s is %s\nwant true\ngot  false", &is, tt.limit)
			}
			for name, other := range map[string]Bucket{
				"faster":        {is.rate + 1, is.ticks, is.queue, false},
				"slower":        {is.rate - 1, is.ticks, is.queue, false},
				"rate modulo":   {is.rate + 1<<32, is.ticks, is.queue, false},
				"longer queue":  {is.rate, is.ticks, is.queue + 1, false},
				"shorter queue": {is.rate, is.ticks, is.queue - 1, false},
				"no queue":      {is.rate, is.ticks, 0, false},
				"far off":       {is.rate, is.ticks + 1<<31, is.queue, false},
				"peak rate":     {is.rate, is.ticks, is.queue, true},
				"none":          {},
			} {
				if other.Matches(tt.limit) {
					t.Errorf("%s: %s is %s\nwant false\ngot  true", name, &other, tt.limit)
				}
			}
		})
	}
}

// Every burst passes that the kernel makes of a limit, and hardly another one.
func TestBucketMatchesKernelRounding(t *testing.T) {
	for rate := uint64(1); rate <= 125_000_000_000_000; rate += 1 + rate/9 {
		for burst := uint64(80_000); burst <= maxBurst; burst += 1 + burst/5 {
			limit := Limit{Rate: rate, Burst: uint32(burst)}
			bucket := Bucket{rate: rate, ticks: kernelTicks(limit), queue: limit.queue()}
			if !bucket.Matches(limit) {
				t.Fatalf("%s is %s\nwant true\ngot  false", &bucket, limit)
			}
			// At rates of less than 1 Gbit/s a thousandth of the burst is many ticks.
			if other := (Limit{Rate: rate, Burst: limit.Burst + limit.Burst/1000}); rate < 125_000_000 && bucket.Matches(other) {
				t.Fatalf("%s is %s\nwant false\ngot  true", &bucket, other)
			}
		}
	}
}

func TestBucketMatchesToleranceLimits(t *testing.T) {
	limit := Limit{Rate: 2_500_000, Burst: 100_000}      // 625,000 ticks
	atTheWrap := Limit{Rate: 1_953_125, Burst: maxBurst} // 4,294,967,288 ticks
	for _, tt := range []struct {
		limit Limit
		ticks uint32
		want  bool
	}{
		{limit, 624_997, false}, {limit, 624_998, true}, {limit, 625_000, true}, {limit, 625_002, true}, {limit, 625_003, false},
		{limit, 0, false}, {limit, math.MaxUint32, false},
		{atTheWrap, 4_294_967_279, true}, {atTheWrap, 4_294_967_278, false}, // tolerance: 2 + 4294967288 / 2^29, rounded down
		{atTheWrap, 0, true}, {atTheWrap, 1, true}, {atTheWrap, 2, false},
	} {
		bucket := Bucket{rate: tt.limit.Rate, ticks: tt.ticks, queue: tt.limit.queue()}
		if got := bucket.Matches(tt.limit); got != tt.want {
			t.Errorf("%s is %s\nwant %v\ngot  %v", &bucket, tt.limit, tt.want, got)
		}
	}
}

func TestBucketString(t *testing.T) {
	var none *Bucket
	if got := none.String(); got != "none" {
		t.Errorf("no bucket\nwant none\ngot  %s", got)
	}
	if got, want := (&Bucket{1, 2, 3, false}).String(), "1 bytes per second, burst of 2 ticks, queue of 3 bytes"; got != want {
		t.Errorf("bucket\nwant %s\ngot  %s", want, got)
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
		{"nothing", nil, Bucket{}},
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
	if got, err := parseBucket(short); err == nil || !strings.Contains(err.Error(), "tbf") {
		t.Errorf("parseBucket\nwant an error\ngot  %v, %v", got, err)
	}
}
