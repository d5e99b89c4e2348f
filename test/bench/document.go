package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"tap/test/measure"
)

// report is all that was found.
type report struct {
	machine  machine
	compared []compared
	counted  []counted
	taps     []point
	crowds   []point
}

// write writes the document and its plots.
func (r *report) write(docs string) error {
	for _, f := range r.figures() {
		if err := f.write(filepath.Join(docs, f.file)); err != nil {
			return err
		}
	}
	page, err := r.document()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(docs, "benchmarks.md"), []byte(page), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

func (r *report) figures() []figure {
	return []figure{
		{"benchmarks-taps.svg", "ADD, no IPAM, in a pod that has taps already", "taps in the pod before the ADD", r.taps},
		{"benchmarks-parallel.svg", "ADD, no IPAM, many at a time, each in its own pod", "ADDs at a time", r.crowds},
	}
}

// tables is what is printed: all numbers without the prose.
func (r *report) tables() string {
	return strings.Join([]string{r.comparedTable(), r.countedTable(), r.tapsTable(), r.crowdsTable()}, "\n")
}

//go:embed benchmarks.md.tmpl
var prose string

// document is docs/benchmarks.md.
func (r *report) document() (string, error) {
	page, err := template.New("benchmarks.md").Option("missingkey=error").Parse(prose)
	if err != nil {
		return "", fmt.Errorf("read the prose: %w", err)
	}
	m := r.machine
	var b strings.Builder
	if err := page.Execute(&b, map[string]string{
		"date": m.Date, "kernel": m.Kernel, "others": fmt.Sprintf("%.0f %%", m.Busy), "processors": m.Processors,
		"versions": measure.Table([][]string{
			{"program", "version", "built with"},
			{"tap", m.tap, m.golang},
			{"reference", m.reference, m.referenceGo},
			{"empty", "", m.golang},
		}),
		"compared": r.comparedTable(), "counted": r.countedTable(), "taps": r.tapsTable(), "crowds": r.crowdsTable(),
	}); err != nil {
		return "", fmt.Errorf("write the document: %w", err)
	}
	return b.String(), nil
}

func (r *report) comparedTable() string {
	rows := [][]string{{"case", "first / second", "ratio", "target of the ratio", "", "first", "second", "unit", "pairs"}}
	for _, c := range r.compared {
		rows = append(rows, []string{
			c.what, c.first.name + " / " + c.second.name, c.ratio.String(), c.target.text, c.target.verdict(c.ratio),
			c.a.String(), c.b.String(), c.unit, fmt.Sprint(c.pairs),
		})
	}
	return measure.Table(rows)
}

func (r *report) countedTable() string {
	rows := [][]string{{"count", "tap", "reference", "empty", "target for tap", ""}}
	for _, c := range r.counted {
		rows = append(rows, []string{
			c.what, measure.Whole(c.tap), measure.Whole(c.reference), measure.Whole(c.empty), c.target, c.verdict,
		})
	}
	return measure.Table(rows)
}

func (r *report) tapsTable() string {
	rows := [][]string{{"taps", "tap, ms", "reference, ms"}}
	for _, p := range r.taps {
		rows = append(rows, []string{measure.Grouped(int64(p.at)), p.tap.String(), p.reference.String()})
	}
	return measure.Table(rows)
}

func (r *report) crowdsTable() string {
	rows := [][]string{{"at a time", "tap, ms", "reference, ms", "tap, per s", "reference, per s"}}
	for _, p := range r.crowds {
		rows = append(rows, []string{
			fmt.Sprint(p.at), p.tap.String(), p.reference.String(), measure.Number(p.tapRate), measure.Number(p.referenceRate),
		})
	}
	return measure.Table(rows)
}
