package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"tap/test/measure"
)

// sample is a report of two paths, of which the second takes twice as long, and one that is missing.
func sample() *report {
	first, second := &row{path: path{name: "tap", what: "ours"}}, &row{path: path{name: "bridge", what: "a bridge"}, overheard: 7}
	numbers, doubled := []float64{1, 2, 3, 4, 5, 6}, []float64{2, 4, 6, 8, 10, 12}
	for f := range figures {
		first.set(f, numbers, numbers)
		second.set(f, doubled, numbers)
	}
	for range neighbours {
		first.beside = append(first.beside, outcome{arrived: batch, seen: batch})
		second.beside = append(second.beside, outcome{refused: fs.ErrExist})
	}
	return &report{
		machine: measure.Machine{Date: "2026-01-02", Kernel: "Linux 1", Processors: "3 processors", Busy: 41.7}, version: "v9",
		rows:    []*row{first, second},
		missing: []missing{{path{name: "matchall", what: "no longer"}, errors.New("no such\nclassifier")}},
		starts:  []started{{verb: "ADD", ratio: measure.Estimate{Low: 1, Median: 2, High: 3, Sure: true}}},
	}
}

func TestRatiosAreToTheFirstPath(t *testing.T) {
	got := sample().ratios()
	if want := "| bridge     | 2.00 (2.00–2.00)"; !strings.Contains(got, want) {
		t.Errorf("want %q in\n%s", want, got)
	}
	if strings.Contains(got, "| tap ") {
		t.Errorf("the first path is compared with itself:\n%s", got)
	}
}

func TestNumbersAreMedians(t *testing.T) {
	got := sample().numbers()
	for _, want := range []string{"| tap ", "3.50 (2.25–4.75)", "7.00 (4.50–9.50)", fmt.Sprintf("7 of %d", spoken)} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

// A document without one of its parts is an error of the template; here every part is seen.
func TestDocumentHasEveryPart(t *testing.T) {
	found := sample()
	got, err := found.document()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2026-01-02", "Linux 1", "3 processors", "Others had 42 % of", "plugin v9", found.legend(), found.ratios(), found.numbers(), found.beside(), found.startsTable(),
		"no longer. **Not on this kernel**", fmt.Sprintf("sends %d frames", spoken), fmt.Sprintf("sends %d of them", batch),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

func TestLackingSaysWhyInALine(t *testing.T) {
	found := sample()
	if got, want := found.lacking(), "matchall: not here: no such classifier\n"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	if !found.lacks("matchall") || found.lacks("bridge") {
		t.Error("what is missing is not known")
	}
}

func TestOutcome(t *testing.T) {
	for want, o := range map[string]outcome{
		"refused":                          {refused: fs.ErrExist},
		"not on this kernel":               {refused: fmt.Errorf("attach: %w", ebpf.ErrNotSupported)},
		"is deleted":                       {deleted: true, arrived: batch},
		"sees all":                         {arrived: batch, seen: batch},
		"sees nothing":                     {arrived: batch},
		fmt.Sprintf("sees 3 of %d", batch): {arrived: batch, seen: 3},
		fmt.Sprintf("%d of %d frames lost", 1, batch): {arrived: batch - 1, seen: batch},
	} {
		if got := o.String(); got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}

func TestFrameIsTheShortest(t *testing.T) {
	f := frame([]byte{1, 2, 3, 4, 5, 6}, []byte{7, 8, 9, 10, 11, 12})
	if len(f) != frameSize || string(f[:14]) != "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x88\xb5" {
		t.Errorf("%d bytes: % x", len(f), f)
	}
}

func TestNumbersOfStarts(t *testing.T) {
	got := numbers([]start{{1, 2}, {3, 4}}, func(s start) float64 { return s.del })
	if len(got) != 2 || got[0] != 2 || got[1] != 4 {
		t.Errorf("want 2 and 4, got %v", got)
	}
}
