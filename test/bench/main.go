// Bench compares the plugin with the reference's tap plugin and with an empty Go
// program, side by side on this machine, and writes docs/benchmarks.md with its
// plots. It needs root, and leaves nothing else behind: the namespaces live as
// long as this process, its folder is removed at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"tap/test/measure"
)

func main() {
	o := flags()
	measure.Main("bench", func(ctx context.Context) error { return run(ctx, o) })
}

// options say how much is measured, and where the document goes.
type options struct {
	docs    string // folder of the document
	pairs   int
	slow    int // pairs where one run takes seconds
	rounds  int // pairs of the crowd of attachments, which are many runs each
	crowd   int // attachments at a time
	taps    []int
	crowds  []int
	counted int // runs under strace
}

func flags() options {
	o := options{slow: 3, rounds: 10, crowd: 64, counted: 5, taps: []int{1, 10, 100, 1000}, crowds: []int{1, 2, 4, 8, 16, 32, 64}}
	flag.IntVar(&o.pairs, "pairs", 40, "how many `pairs` of runs each case has")
	flag.StringVar(&o.docs, "docs", "docs", "`folder` that benchmarks.md and its plots go to")
	quick := flag.Bool("quick", false, "few pairs and small scales, to try the program out")
	flag.Parse()
	if *quick {
		o.pairs, o.slow, o.rounds, o.crowd, o.counted = 6, 1, 2, 8, 3
		o.taps, o.crowds = []int{1, 10, 100}, []int{1, 2, 4, 8}
	}
	return o
}

func run(ctx context.Context, o options) error {
	if o.pairs < 1 {
		return errors.New("-pairs must be at least 1")
	}
	bin, err := measure.Programs(o.docs)
	if err != nil {
		return err
	}
	// Beside the programs: on a disk as IPAM's store is in earnest, which /tmp often is not.
	folder, err := os.MkdirTemp(bin, "bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the copies: %w", err)
	}
	found, err := measureAll(ctx, o, bin, folder)
	if err := errors.Join(err, os.RemoveAll(folder)); err != nil {
		return err
	}
	fmt.Print(found.tables())
	return found.write(o.docs)
}

// measureAll measures everything, with the programs of one folder and copies of them in another.
func measureAll(ctx context.Context, o options, from, folder string) (*report, error) {
	where, err := describe(from)
	if err != nil {
		return nil, err
	}
	programs, err := install(from, folder)
	if err != nil {
		return nil, err
	}
	b := &bench{ctx: ctx, options: o, folder: folder, programs: programs, out: measure.NewProgress(os.Stderr)}
	found := &report{machine: where}
	before, err := measure.ReadUsage()
	if err != nil {
		return nil, err
	}
	for _, part := range []func(*bench, *report) error{
		comparisons, crowdComparisons, counts, tapScale, crowdScale,
	} {
		if err := part(b, found); err != nil {
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

// bench is what all parts of the measurement share.
type bench struct {
	options

	ctx      context.Context //nolint:containedctx // the whole program is one operation
	folder   string
	programs programs
	out      *measure.Progress
}
