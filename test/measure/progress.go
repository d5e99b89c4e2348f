package measure

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Progress tells what is being measured: a line per step, and on a terminal a count that moves.
type Progress struct {
	out      io.Writer
	terminal bool
	name     string
	began    time.Time
}

// NewProgress tells it to a file.
func NewProgress(out *os.File) *Progress {
	_, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS)
	return &Progress{out: out, terminal: err == nil}
}

// Begin begins a step.
func (p *Progress) Begin(name string) { p.name, p.began = name, time.Now() }

// Count says how much of the step is done.
func (p *Progress) Count(done, of int) {
	if p.terminal {
		fmt.Fprintf(p.out, "\r%-64s %4d of %d", p.name, done, of)
	}
}

// End ends the step.
func (p *Progress) End() {
	before := ""
	if p.terminal {
		before = "\r\x1b[K"
	}
	fmt.Fprintf(p.out, "%s%-64s %6.1f s\n", before, p.name, time.Since(p.began).Seconds())
}
