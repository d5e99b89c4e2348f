package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tap/test/measure"
)

// counted is what does not depend on how fast the machine is, of each program.
type counted struct {
	what                  string
	tap, reference, empty float64
	target                string
	verdict               string
}

const (
	mostCalls = 110       // system calls of the plugin's ADD more than those of the empty program; a sixth protect the pod from the guest
	mostBytes = 3_500_000 // of the plugin's file
)

// counts counts system calls and page faults of an ADD without IPAM, and bytes of files.
func counts(b *bench, found *report) error {
	pods, err := newPods(3)
	if err != nil {
		return err
	}
	defer closePods(pods)
	b.out.Begin("system calls and page faults")
	all := []program{b.programs.tap, b.programs.reference, b.programs.empty}
	var calls, faults []float64
	for i, p := range all {
		c := b.newContender(p, pods[i], "n")
		n, err := repeat(b, b.counted, func() (float64, error) { return c.countCalls(b.folder) })
		if err != nil {
			return err
		}
		calls = append(calls, n)
		n, err = repeat(b, b.pairs, func() (float64, error) {
			s, err := c.measure(job{verb: "ADD"})
			return float64(s.faults), err
		})
		if err != nil {
			return err
		}
		faults = append(faults, n)
	}
	b.out.End()
	size := float64(b.programs.tap.size)
	found.counted = []counted{
		{"system calls of an ADD, no IPAM", calls[0], calls[1], calls[2],
			fmt.Sprintf("at most %d more than empty", mostCalls), verdict(calls[0]-calls[2] <= mostCalls)},
		{"page faults of the same", faults[0], faults[1], faults[2], "", ""},
		{"size of the program, bytes", size, float64(b.programs.reference.size), float64(b.programs.empty.size),
			"at most " + measure.Grouped(mostBytes), verdict(size <= mostBytes)},
	}
	return nil
}

// repeat is the median of n counts.
func repeat(b *bench, n int, count func() (float64, error)) (float64, error) {
	var all []float64
	for range n {
		if err := b.ctx.Err(); err != nil {
			return 0, err
		}
		one, err := count()
		if err != nil {
			return 0, err
		}
		all = append(all, one)
	}
	return measure.Median(all), nil
}

// countCalls counts the system calls of an ADD, with those of the processes that it starts.
func (c *contender) countCalls(folder string) (float64, error) {
	file := filepath.Join(folder, "strace")
	if _, err := c.measure(job{verb: "ADD"}, "strace", "-f", "-c", "-U", "calls,name", "-o", file); err != nil {
		return 0, err
	}
	table, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("read the table of strace: %w", err)
	}
	return parseCalls(table)
}

// parseCalls finds the total in a table of strace -c -U calls,name.
func parseCalls(table []byte) (float64, error) {
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 2 && words[1] == "total" {
			n, err := strconv.ParseFloat(words[0], 64)
			if err != nil {
				return 0, fmt.Errorf("read the table of strace: %w", err)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("the table of strace has no total: %s", table)
}
