package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"tap/test/measure"
)

// bench is the measurement.
type bench struct {
	options

	ctx   context.Context //nolint:containedctx // the whole program is one operation
	bin   string          // folder of the programs
	out   *measure.Progress
	lanes []*lane
}

// lane is a path at its own site.
type lane struct {
	path

	site *site
}

func (b *bench) close() error {
	var failed []error
	for _, l := range b.lanes {
		failed = append(failed, l.site.close())
	}
	return errors.Join(failed...)
}

// measureAll measures everything, after it has connected all paths.
func (b *bench) measureAll() (*report, error) {
	found := &report{}
	var err error
	if found.machine, err = measure.Describe(); err != nil {
		return nil, err
	}
	if found.version, err = measure.PluginVersion(filepath.Join(b.bin, "tap")); err != nil {
		return nil, err
	}
	before, err := measure.ReadUsage()
	if err != nil {
		return nil, err
	}
	for _, part := range []func(*report) error{b.connect, b.overhear, b.neighbourhood, b.smallFrames, b.traffic, b.starts} {
		if err := part(found); err != nil {
			return nil, err
		}
	}
	after, err := measure.ReadUsage()
	if err != nil {
		return nil, err
	}
	found.machine.Busy = measure.Others(before, after)
	return found, nil
}

// connect connects all paths that this kernel has.
func (b *bench) connect(found *report) error {
	for _, p := range paths(b.ctx, b.bin) {
		s, err := newSite()
		if err != nil {
			return err
		}
		err = p.connect(s)
		switch {
		case err == nil:
			b.lanes = append(b.lanes, &lane{p, s})
			found.rows = append(found.rows, &row{path: p})
		case p.mayLack:
			found.missing = append(found.missing, missing{p, err})
			err = s.close()
		default:
			err = errors.Join(err, s.close())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// overhear lets the pod's own kernel speak.
func (b *bench) overhear(found *report) error {
	for i, l := range b.lanes {
		var err error
		if found.rows[i].overheard, err = overheard(l.site, l.speaker); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

// neighbourhood brings every path together with other programs.
func (b *bench) neighbourhood(found *report) error {
	b.out.Begin("other programs beside the paths")
	for _, r := range found.rows {
		for _, n := range neighbours {
			o, err := meet(r.path, n)
			if err != nil {
				return fmt.Errorf("%s, beside a %s: %w", r.name, n.name, err)
			}
			r.beside = append(r.beside, o)
		}
	}
	b.out.End()
	return nil
}

// inTurn measures one figure of all paths in turn.
func (b *bench) inTurn(found *report, f figure, rounds int, one func(l *lane) (float64, error)) error {
	var runs []func() (float64, error)
	for _, l := range b.lanes {
		runs = append(runs, func() (float64, error) {
			x, err := one(l)
			if err != nil {
				err = fmt.Errorf("%s: %w", l.name, err)
			}
			return x, err
		})
	}
	costs, err := measure.Turns(b.ctx, b.out, f.String(), rounds, runs...)
	if err != nil {
		return err
	}
	for i := range found.rows {
		found.rows[i].set(f, costs[i], costs[0])
	}
	return nil
}

// smallFrames measures without guests.
func (b *bench) smallFrames(found *report) error {
	gauges := map[*lane]*gauge{}
	err := func() error {
		for _, l := range b.lanes {
			g, err := newGauge(l.site)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			gauges[l] = g
		}
		if err := b.inTurn(found, frameTo, b.frames(), func(l *lane) (float64, error) {
			return gauges[l].cost(gauges[l].sendToGuest)
		}); err != nil {
			return err
		}
		return b.inTurn(found, frameFrom, b.frames(), func(l *lane) (float64, error) {
			return gauges[l].cost(gauges[l].sendFromGuest)
		})
	}()
	for _, g := range gauges {
		err = errors.Join(err, g.close())
	}
	return err
}

// traffic measures with a guest behind each tap.
func (b *bench) traffic(found *report) error {
	for _, l := range b.lanes {
		if err := l.site.startVM(b.ctx, filepath.Join(b.bin, "guest")); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	for _, t := range []struct {
		figure
		rounds int
		one    func(*site) (float64, error)
	}{
		{tcpTo, b.rounds, func(s *site) (float64, error) { return flow(b.ctx, s.node, s.vm.NS, podAddress, b.window) }},
		{tcpFrom, b.rounds, func(s *site) (float64, error) { return flow(b.ctx, s.vm.NS, s.node, nodeAddress, b.window) }},
		{answer, b.answers(), func(s *site) (float64, error) {
			return roundTrip(b.ctx, s.node, s.vm.NS, podAddress)
		}},
	} {
		if err := b.inTurn(found, t.figure, t.rounds, func(l *lane) (float64, error) { return t.one(l.site) }); err != nil {
			return err
		}
	}
	for _, l := range b.lanes {
		l.site.stopVM()
	}
	return nil
}
