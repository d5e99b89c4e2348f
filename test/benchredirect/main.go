// Benchredirect compares ways to connect a pod's interface with a tap: the plugin's
// redirect mode, and others, in turn. It writes docs/benchmarks-redirect.md. It needs
// root, and leaves nothing else behind: the namespaces live as long as this process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"tap/test/measure"
)

func main() {
	o := flags()
	measure.Main("benchredirect", func(ctx context.Context) error { return perform(ctx, o) })
}

// options say how much is measured, and where the document goes.
type options struct {
	docs   string        // folder of the document
	rounds int           // of TCP and of ADD; what is shorter has more
	window time.Duration // of a TCP connection
}

func (o options) frames() int  { return 12 * o.rounds }
func (o options) answers() int { return 3 * o.rounds }

func flags() options {
	o := options{window: 200 * time.Millisecond}
	flag.IntVar(&o.rounds, "rounds", 32, "how many `rounds` of TCP each path has; more of small frames")
	flag.StringVar(&o.docs, "docs", "docs", "`folder` that benchmarks-redirect.md goes to")
	quick := flag.Bool("quick", false, "few and short rounds, to try the program out")
	flag.Parse()
	if *quick {
		o.rounds, o.window = 4, 100*time.Millisecond
	}
	return o
}

func perform(ctx context.Context, o options) error {
	if o.rounds < 1 {
		return errors.New("-rounds must be at least 1")
	}
	bin, err := measure.Programs(o.docs)
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, options: o, bin: bin, out: measure.NewProgress(os.Stderr)}
	found, err := b.measureAll()
	if err := errors.Join(err, b.close()); err != nil {
		return err
	}
	fmt.Print(found.tables())
	return found.write(o.docs)
}
