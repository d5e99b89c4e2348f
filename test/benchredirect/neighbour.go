package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// neighbour is somebody else's program on the pod's interface, which counts what comes in
// and lets the next one decide; Cilium's is one, for example.
type neighbour struct {
	name  string
	at    hook
	first bool   // it is there before the guest's plugin comes
	mark  string // by which `tc filter show` lists it; empty: it does not
}

var neighbours = []neighbour{
	{"`clsact` filter, there before", classicAt(1), true, " pref 1 bpf "},
	{"`clsact` filter, comes later", classicAt(1), false, " pref 1 bpf "},
	{"tcx program, there before", tcx, true, ""},
	{"tcx program, comes later", tcx, false, ""},
}

// outcome is how a path and a neighbour get along.
type outcome struct {
	refused       error // one does not go with the other
	deleted       bool  // the neighbour was
	seen, arrived int   // frames of a batch that the neighbour, and the guest, got
}

func (o outcome) String() string {
	switch {
	case errors.Is(o.refused, ebpf.ErrNotSupported):
		return "not on this kernel"
	case o.refused != nil:
		return "refused"
	case o.deleted:
		return "is deleted"
	case o.arrived < batch:
		return fmt.Sprintf("%d of %d frames lost", batch-o.arrived, batch)
	case o.seen == 0:
		return "sees nothing"
	case o.seen < batch:
		return fmt.Sprintf("sees %d of %d", o.seen, batch)
	}
	return "sees all"
}

// meet brings a path and a neighbour together at a site of their own.
func meet(p path, n neighbour) (outcome, error) {
	s, err := newSite()
	if err != nil {
		return outcome{}, err
	}
	o, err := s.meet(p, n)
	return o, errors.Join(err, s.close())
}

func (s *site) meet(p path, n neighbour) (outcome, error) {
	counter, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return outcome{}, fmt.Errorf("make the neighbour's counter: %w", err)
	}
	defer func() { _ = counter.Close() }() // a number, which was read
	eth0, err := linkOf(s.pod, "eth0")
	if err != nil {
		return outcome{}, err
	}
	moveIn := func(*site) error { return s.attach(n.at, eth0.Index, false, count(counter)) }
	steps := []func(*site) error{p.connect, moveIn}
	if n.first {
		steps = []func(*site) error{moveIn, p.connect}
	}
	for _, step := range steps {
		if err := step(s); err != nil {
			return outcome{refused: err}, nil
		}
	}
	filters, err := s.pod.Output("tc", "filter", "show", "dev", "eth0", "ingress")
	if err != nil {
		return outcome{}, err
	}
	g, err := newGauge(s)
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = g.close() }() // sockets: nothing is buffered
	var before, after uint64
	err = counter.Lookup(uint32(0), &before)
	_, arrived, sendErr := g.sendToGuest(batch)
	err = errors.Join(err, sendErr, counter.Lookup(uint32(0), &after))
	return outcome{deleted: !strings.Contains(filters, n.mark), arrived: arrived, seen: int(after - before)}, err
}

// count counts frames in the first element of an array.
func count(counter *ebpf.Map) asm.Instructions {
	const unspec = -1 // TC_ACT_UNSPEC, which is TCX_NEXT
	return asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, counter.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "next"),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, unspec).WithSymbol("next"),
		asm.Return(),
	}
}
