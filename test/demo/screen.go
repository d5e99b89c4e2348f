package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// screen prints one line per step, with the time that it took; in colour on a terminal only.
type screen struct {
	out    io.Writer
	colour bool
	last   time.Time
}

func newScreen(out *os.File) *screen {
	_, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS)
	return &screen{out: out, colour: err == nil && os.Getenv("NO_COLOR") == "", last: time.Now()}
}

const (
	green = "32"
	red   = "31"
	faint = "2"
	bold  = "1"
)

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// step tells what was done since the last step.
func (s *screen) step(name, format string, args ...any) {
	now := time.Now()
	took := fmt.Sprintf("%6.2f s", now.Sub(s.last).Seconds())
	fmt.Fprintf(s.out, "%s %s %s  %s\n", s.paint(green, "✓"), s.paint(bold, fmt.Sprintf("%-6s", name)), s.paint(faint, took), fmt.Sprintf(format, args...))
	s.last = time.Now()
}

// detail shows something that belongs to the last step.
func (s *screen) detail(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.out, "           %s\n", s.paint(faint, "       "+strings.TrimRight(line, " \n")))
	}
}

func (s *screen) bad(text string) {
	fmt.Fprintf(s.out, "%s %s\n", s.paint(red, "✗"), text)
}
