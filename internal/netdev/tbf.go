package netdev

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Limit is the configuration of a token bucket filter (tc-tbf(8)).
type Limit struct {
	Rate  uint64 // bytes per second
	Burst uint32 // bytes that may be sent at once
}

// AddTBF limits the egress traffic of a device. It adds the root qdisc tbf. It sends the burst
// as TCA_TBF_BURST, because the older field cannot express more than four seconds at the rate.
// Source: Linux 6.12, net/sched/sch_tbf.c, tbf_change.
func (c *Conn) AddTBF(index int, l Limit) error {
	if err := c.addQdisc(&nl.TcMsg{Ifindex: int32(index), Parent: rootParent}, "tbf", l.options()); err != nil {
		return fmt.Errorf("limit rate to %d bytes per second: %w", l.Rate, err)
	}
	return nil
}

// options returns the TCA_OPTIONS of qdisc tbf.
func (l Limit) options() *nl.RtAttr {
	const ethernet = 1 // TC_LINKLAYER_ETHERNET, include/uapi/linux/pkt_sched.h
	qopt := nl.TcTbfQopt{
		Rate:  nl.TcRateSpec{Linklayer: ethernet, Rate: uint32(min(l.Rate, math.MaxUint32))},
		Limit: l.queue(),
	}
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_TBF_PARMS, qopt.Serialize())
	options.AddRtAttr(nl.TCA_TBF_RATE64, nl.Uint64Attr(l.Rate))
	options.AddRtAttr(nl.TCA_TBF_BURST, nl.Uint32Attr(l.Burst))
	return options
}

// SetNoqueue adds the root qdisc noqueue to a device, regardless of net.core.default_qdisc. The
// kernel then passes egress traffic to the driver immediately.
func (c *Conn) SetNoqueue(index int) error {
	return c.addQdisc(&nl.TcMsg{Ifindex: int32(index), Parent: rootParent}, "noqueue", nil)
}

// queue returns how many bytes the qdisc queues: the traffic of 1/20 second, so that senders
// notice the limit soon, but not less than two of the largest frames and not more than
// 256 MiB. The burst does not add to it: frames are queued only when the bucket is empty.
func (l Limit) queue() uint32 {
	const maxFrame, maxQueue = 80_000, 256 << 20
	return uint32(min(max(l.Rate/20, 2*maxFrame), maxQueue))
}

// Bucket is a token bucket filter as the kernel reports it.
type Bucket struct {
	rate  uint64 // bytes per second
	ticks uint32 // the burst as its duration at the rate, in units of 64 ns, modulo 2^32
	queue uint32 // bytes
	peak  bool   // a peak rate is set: a second bucket limits the rate of a burst
}

// Matches reports whether b is the bucket that AddTBF creates for l. The kernel calculates the
// duration of the burst with a factor of 31 bits (net/sched/sch_generic.c,
// psched_ratecfg_precompute) and reports it modulo 2^32, so Matches allows for rounding.
func (b *Bucket) Matches(l Limit) bool {
	const nsPerSecond, nsPerTick = 1_000_000_000, 64
	if b.rate != l.Rate || b.queue != l.queue() || b.peak {
		return false
	}
	high, low := bits.Mul64(uint64(l.Burst), nsPerSecond)
	ns, _ := bits.Div64(high, low, max(l.Rate, 1))
	ticks := ns / nsPerTick
	tolerance := min(ticks>>29+2, math.MaxInt32)
	off := int32(b.ticks - uint32(ticks)) // the shorter distance modulo 2^32
	return int64(off) <= int64(tolerance) && int64(off) >= -int64(tolerance)
}

// String returns the bucket for an error message; "none" if b is nil.
func (b *Bucket) String() string {
	if b == nil {
		return "none"
	}
	text := fmt.Sprintf("%d bytes per second, burst of %d ticks, queue of %d bytes", b.rate, b.ticks, b.queue)
	if b.peak {
		text += ", with a peak rate"
	}
	return text
}

// String returns the limit for an error message, in the form of [Bucket.String].
func (l Limit) String() string {
	return fmt.Sprintf("%d bytes per second, burst of %d bytes, queue of %d bytes", l.Rate, l.Burst, l.queue())
}

// TBF returns the token bucket filter that is the root qdisc of a device, or nil if the root
// qdisc is of another kind.
func (c *Conn) TBF(index int) (*Bucket, error) {
	var bucket *Bucket
	var parseErr error
	err := c.readTc(unix.RTM_GETQDISC, unix.RTM_NEWQDISC, &nl.TcMsg{Ifindex: int32(index)},
		func() { bucket, parseErr = nil, nil },
		func(msg tcMessage) bool {
			if msg.header.Ifindex == int32(index) && msg.header.Parent == rootParent && msg.kind == "tbf" {
				bucket, parseErr = parseBucket(msg.options)
			}
			return true
		})
	if err != nil {
		return nil, fmt.Errorf("list qdiscs of device %d: %w", index, err)
	}
	return bucket, parseErr
}

// parseBucket parses the TCA_OPTIONS of qdisc tbf.
func parseBucket(options []byte) (*Bucket, error) {
	parms := attribute(options, nl.TCA_TBF_PARMS)
	if len(parms) < nl.SizeofTcTbfQopt {
		return nil, fmt.Errorf("parse qdisc tbf: TCA_TBF_PARMS of %d bytes is missing or too short", len(parms))
	}
	qopt := nl.DeserializeTcTbfQopt(parms)
	return &Bucket{
		ticks: qopt.Buffer, queue: qopt.Limit, peak: qopt.Peakrate.Rate != 0,
		// TCA_TBF_RATE64 is present only if the rate does not fit into TCA_TBF_PARMS.
		rate: max(uint64(qopt.Rate.Rate), u64(attribute(options, nl.TCA_TBF_RATE64))),
	}, nil
}
