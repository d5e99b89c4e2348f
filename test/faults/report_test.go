//go:build amd64

package faults

import (
	"fmt"
	"io"
	"slices"
	"sync"
)

// row is a line of the table.
type row struct{ verb, setting, sweep string }

// report gathers the verdicts of all shards.
type report struct {
	mutex   sync.Mutex
	rows    map[row]*[unsound + 1]int
	unsound []string
}

var results = report{rows: map[row]*[unsound + 1]int{}}

func (r *report) add(at row, f fault, v verdict, text string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.rows[at] == nil {
		r.rows[at] = &[unsound + 1]int{}
	}
	r.rows[at][v]++
	if v == unsound {
		r.unsound = append(r.unsound, fmt.Sprintf("%s\n    %s", f.in(at), text))
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
		fmt.Fprintf(w, "| %-5s | %-15s | %-22s | %5d | %5d | %13d | %9d | %7d |\n",
			at.verb, at.setting, at.sweep, tried, c[sound], c[crashed], c[leaked], c[unsound])
	}
	fmt.Fprintf(w, "| %-5s | %-15s | %-22s | %5s | %5s | %13s | %9s | %7s |\n",
		"verb", "configuration", "fault", "tried", "sound", "runtime ended", "IPAM leak", "unsound")
	fmt.Fprintln(w, "|---|---|---|---:|---:|---:|---:|---:|")
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
	slices.Sort(r.unsound)
	for _, text := range r.unsound {
		fmt.Fprintf(w, "\nunsound: %s\n", text)
	}
}
