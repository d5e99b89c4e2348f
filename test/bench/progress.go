package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// progress tells what is being measured: a line per step, and on a terminal a count that moves.
type progress struct {
	out      io.Writer
	terminal bool
	name     string
	began    time.Time
}

func newProgress(out *os.File) *progress {
	_, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS)
	return &progress{out: out, terminal: err == nil}
}

func (p *progress) begin(name string) { p.name, p.began = name, time.Now() }

func (p *progress) count(done, of int) {
	if p.terminal {
		fmt.Fprintf(p.out, "\r%-64s %4d of %d", p.name, done, of)
	}
}

func (p *progress) end() {
	before := ""
	if p.terminal {
		before = "\r\x1b[K"
	}
	fmt.Fprintf(p.out, "%s%-64s %6.1f s\n", before, p.name, time.Since(p.began).Seconds())
}
