package netdev

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Limit is a token bucket.
type Limit struct {
	Rate  uint64 // bytes per second
	Burst uint32 // bytes that may pass at once
}

// AddTBF bounds what leaves through a device: its root qdisc becomes a token
// bucket filter. The burst goes as TCA_TBF_BURST, since the older field has room
// for four seconds of the rate.
// Source: Linux 6.12, net/sched/sch_tbf.c, tbf_change.
func (c *Conn) AddTBF(index int, l Limit) error {
	if err := c.addQdisc(&nl.TcMsg{Ifindex: int32(index), Parent: rootParent}, "tbf", l.options()); err != nil {
		return fmt.Errorf("limit to %d bytes per second: %w", l.Rate, err)
	}
	return nil
}

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

// SetNoqueue gives a device the root qdisc noqueue, whatever net.core.default_qdisc
// says: what is sent through it goes to the driver at once.
func (c *Conn) SetNoqueue(index int) error {
	return c.addQdisc(&nl.TcMsg{Ifindex: int32(index), Parent: rootParent}, "noqueue", nil)
}

// queue is how many bytes may wait for their turn: those of a twentieth of a
// second, so that senders soon notice, but no less than two of the largest frames.
// The burst adds nothing: what waits does so because the bucket is empty.
func (l Limit) queue() uint32 {
	const maxFrame, most = 80_000, 256 << 20
	return uint32(min(max(l.Rate/20, 2*maxFrame), most))
}

// Bucket is a token bucket filter as the kernel describes it.
type Bucket struct {
	rate  uint64 // bytes per second
	ticks uint32 // of 64 ns, modulo 2^32: the burst, as the time that it takes at the rate
	queue uint32 // bytes
	peak  bool   // a second bucket bounds the rate of a burst
}

// Matches reports whether the bucket is what AddTBF makes of a limit. The kernel
// calculates the time of the burst with 31 bits (net/sched/sch_generic.c,
// psched_ratecfg_precompute), and tells of it modulo 2^32.
func (b *Bucket) Matches(l Limit) bool {
	const nsPerSecond, nsPerTick = 1_000_000_000, 64
	if b.rate != l.Rate || b.queue != l.queue() || b.peak {
		return false
	}
	high, low := bits.Mul64(uint64(l.Burst), nsPerSecond)
	ns, _ := bits.Div64(high, low, max(l.Rate, 1))
	ticks := ns / nsPerTick
	tolerance := min(ticks>>29+2, math.MaxInt32)
	off := int32(b.ticks - uint32(ticks)) // the way round that is shorter
	return int64(off) <= int64(tolerance) && int64(off) >= -int64(tolerance)
}

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

func (l Limit) String() string {
	return fmt.Sprintf("%d bytes per second, burst of %d bytes, queue of %d bytes", l.Rate, l.Burst, l.queue())
}

// TBF reads what bounds the sending of a device; nil: no token bucket filter.
func (c *Conn) TBF(index int) (*Bucket, error) {
	msgs, err := c.dumpTc(unix.RTM_GETQDISC, unix.RTM_NEWQDISC, &nl.TcMsg{Ifindex: int32(index)})
	if err != nil {
		return nil, fmt.Errorf("list qdiscs of device %d: %w", index, err)
	}
	for _, msg := range msgs {
		if msg.header.Ifindex == int32(index) && msg.header.Parent == rootParent && msg.kind == "tbf" {
			return parseBucket(msg.options)
		}
	}
	return nil, nil
}

func parseBucket(options []byte) (*Bucket, error) {
	attrs, err := nl.ParseRouteAttr(options)
	if err != nil {
		return nil, fmt.Errorf("read qdisc tbf: %w", err)
	}
	b := &Bucket{}
	for _, attr := range attrs {
		switch attr.Attr.Type {
		case nl.TCA_TBF_PARMS:
			if len(attr.Value) < nl.SizeofTcTbfQopt {
				return nil, fmt.Errorf("read qdisc tbf: parameters of %d bytes", len(attr.Value))
			}
			qopt := nl.DeserializeTcTbfQopt(attr.Value)
			b.ticks, b.queue, b.peak = qopt.Buffer, qopt.Limit, qopt.Peakrate.Rate != 0
			b.rate = max(b.rate, uint64(qopt.Rate.Rate))
		case nl.TCA_TBF_RATE64: // only of rates that have no room above
			b.rate = max(b.rate, u64(attr.Value))
		}
	}
	return b, nil
}
