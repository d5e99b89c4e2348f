//go:build amd64

package faults

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// row is a line of the table.
type row struct{ verb, setting, sweep string }

// report gathers the verdicts of all shards.
type report struct {
	mutex    sync.Mutex
	rows     map[row]*[unsound + 1]int
	unsound  []string
	retrying map[string]int // calls that were not retried, by verb and name
}

var results = report{rows: map[row]*[unsound + 1]int{}, retrying: map[string]int{}}

func (r *report) add(at row, f fault, v verdict, text string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.rows[at] == nil {
		r.rows[at] = &[unsound + 1]int{}
	}
	r.rows[at][v]++
	switch v {
	case unsound:
		r.unsound = append(r.unsound, fmt.Sprintf("%s\n    %s", f.in(at), text))
	case notRetried:
		r.retrying[at.verb+" "+f.name()]++
	}
}

// print writes the table, in the order of the tests.
func (r *report) print(w io.Writer) {
	var total [unsound + 1]int
	line := func(at row, c [unsound + 1]int) {
		tried := 0
		for _, n := range c {
			tried += n
		}
		fmt.Fprintf(w, "| %-5s | %-13s | %-22s | %5d | %5d | %11d | %13d | %9d | %7d |\n",
			at.verb, at.setting, at.sweep, tried, c[sound], c[notRetried], c[crashed], c[leaked], c[unsound])
	}
	fmt.Fprintf(w, "| %-5s | %-13s | %-22s | %5s | %5s | %11s | %13s | %9s | %7s |\n",
		"verb", "configuration", "fault", "tried", "sound", "not retried", "runtime ended", "IPAM leak", "unsound")
	fmt.Fprintln(w, "|---|---|---|---:|---:|---:|---:|---:|---:|")
	for _, verb := range verbs {
		for _, with := range settings {
			for _, sweep := range sweeps {
				at := row{verb, with.name, sweep}
				if c := r.rows[at]; c != nil {
					line(at, *c)
					for i := range total {
						total[i] += c[i]
					}
				}
			}
		}
	}
	line(row{"all", "", ""}, total)
	if len(r.retrying) > 0 {
		var list []string
		for name, n := range r.retrying {
			list = append(list, fmt.Sprintf("%s (%d)", name, n))
		}
		slices.Sort(list)
		fmt.Fprintf(w, "\nfailed cleanly at EINTR: %s\n", strings.Join(list, ", "))
	}
	slices.Sort(r.unsound)
	for _, text := range r.unsound {
		fmt.Fprintf(w, "\nunsound: %s\n", text)
	}
}
