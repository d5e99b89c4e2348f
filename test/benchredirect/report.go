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

// figure is what is measured of each path.
type figure int

// The figures, in the order of the tables.
const (
	frameTo figure = iota
	frameFrom
	tcpTo
	tcpFrom
	answer
	figures
)

func (f figure) String() string {
	return [...]string{
		"frame to the guest, ns", "frame from the guest, ns", "TCP to the guest, Gbit/s", "TCP from the guest, Gbit/s", "request and answer, µs",
	}[f]
}

// row is what was found of one path.
type row struct {
	path

	overheard int // of the pod's own frames
	beside    []outcome
	of        [figures]struct {
		number measure.Summary
		ratio  measure.Estimate // to the first path
	}
}

func (r *row) set(f figure, numbers, first []float64) {
	r.of[f].number = measure.Summarize(numbers)
	r.of[f].ratio = measure.EstimateMedian(measure.Ratios(numbers, first))
}

// missing is a path that this kernel does not have.
type missing struct {
	path

	why error
}

// started is what a verb takes with the two plugins.
type started struct {
	verb         string
	ratio        measure.Estimate
	ours, theirs measure.Summary
}

// report is all that was found.
type report struct {
	machine measure.Machine
	version string // the plugin's
	rows    []*row // the first is the plugin's
	missing []missing
	starts  []started
}

func (r *report) lacks(name string) bool {
	for _, m := range r.missing {
		if m.name == name {
			return true
		}
	}
	return false
}

// tables is what is printed: all numbers without the prose.
func (r *report) tables() string {
	return strings.Join([]string{r.ratios(), r.numbers(), r.beside(), r.startsTable(), r.lacking()}, "\n")
}

func (r *report) ratios() string {
	rows := [][]string{append([]string{"path / tap"}, headings()...)}
	for _, of := range r.rows[1:] {
		cells := []string{of.name}
		for f := range figures {
			cells = append(cells, of.of[f].ratio.String())
		}
		rows = append(rows, cells)
	}
	return measure.Table(rows)
}

func (r *report) numbers() string {
	rows := [][]string{append(append([]string{"path"}, headings()...), "frames of the pod's own kernel that leave")}
	for _, of := range r.rows {
		cells := []string{of.name}
		for f := range figures {
			cells = append(cells, of.of[f].number.String())
		}
		rows = append(rows, append(cells, fmt.Sprintf("%d of %d", of.overheard, spoken)))
	}
	return measure.Table(rows)
}

func (r *report) beside() string {
	rows := [][]string{{"path"}}
	for _, n := range neighbours {
		rows[0] = append(rows[0], n.name)
	}
	for _, of := range r.rows {
		cells := []string{of.name}
		for _, o := range of.beside {
			cells = append(cells, o.String())
		}
		rows = append(rows, cells)
	}
	return measure.Table(rows)
}

func headings() []string {
	var all []string
	for f := range figures {
		all = append(all, f.String())
	}
	return all
}

func (r *report) startsTable() string {
	rows := [][]string{{"verb", "tap / tc-redirect-tap", "tap, ms", "tc-redirect-tap, ms"}}
	for _, s := range r.starts {
		rows = append(rows, []string{s.verb, s.ratio.String(), s.ours.String(), s.theirs.String()})
	}
	return measure.Table(rows)
}

// lacking lists the paths that are missing, each with the reason.
func (r *report) lacking() string {
	var b strings.Builder
	for _, m := range r.missing {
		fmt.Fprintf(&b, "%s: not here: %s\n", m.name, strings.Join(strings.Fields(m.why.Error()), " "))
	}
	return b.String()
}

// legend says what the paths are.
func (r *report) legend() string {
	rows := [][]string{{"path", "what it is"}}
	for _, of := range r.rows {
		rows = append(rows, []string{of.name, of.what})
	}
	for _, m := range r.missing {
		rows = append(rows, []string{m.name, m.what + ". **Not on this kernel**"})
	}
	return measure.Table(rows)
}

//go:embed benchmarks-redirect.md.tmpl
var prose string

// write writes the document.
func (r *report) write(docs string) error {
	page, err := r.document()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(docs, "benchmarks-redirect.md"), []byte(page), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

func (r *report) document() (string, error) {
	page, err := template.New("benchmarks-redirect.md").Option("missingkey=error").Parse(prose)
	if err != nil {
		return "", fmt.Errorf("read the prose: %w", err)
	}
	var b strings.Builder
	err = page.Execute(&b, map[string]string{
		"date": r.machine.Date, "kernel": r.machine.Kernel, "processors": r.machine.Processors, "version": r.version,
		"others": fmt.Sprintf("%.0f %%", r.machine.Busy),
		"legend": r.legend(), "ratios": r.ratios(), "numbers": r.numbers(), "beside": r.beside(),
		"batch": fmt.Sprint(batch), "requests": fmt.Sprint(requests), "spoken": fmt.Sprint(spoken), "starts": r.startsTable(),
	})
	if err != nil {
		return "", fmt.Errorf("write the document: %w", err)
	}
	return b.String(), nil
}
