package docs

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tap/test/harness"
)

const specification = "../../docs/specification.md"

// demand is a row of docs/specification.md.
type demand struct {
	id    string
	tests []string // that show it
	last  string   // the cell of the tests; where there are none it says why
}

var (
	demandRow   = regexp.MustCompile(`(?m)^\| ([A-Z]+)-(\d+) \|.*\| ([^|]*) \|$`)
	numberedRow = regexp.MustCompile(`(?m)^\| [A-Z]+-\d+ `)
	testName    = regexp.MustCompile(`\bTest\w+`)
	testFunc    = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	specTest    = regexp.MustCompile(`(?m)^// ([A-Z]+-\d+(?:, [A-Z]+-\d+)*): .*\n(?://.*\n)*func (TestSpec[A-Z]\w+)\(`)
)

func demands(t *testing.T) []demand {
	t.Helper()
	document := harness.ReadFile(t, specification)
	var list []demand
	last := map[string]int{} // by section
	for _, cells := range demandRow.FindAllStringSubmatch(document, -1) {
		n, err := strconv.Atoi(cells[2])
		if err != nil || n != last[cells[1]]+1 {
			t.Errorf("row %s-%s follows %s-%d", cells[1], cells[2], cells[1], last[cells[1]])
		}
		last[cells[1]] = n
		list = append(list, demand{cells[1] + "-" + cells[2], testName.FindAllString(cells[3], -1), cells[3]})
	}
	if numbered := len(numberedRow.FindAllString(document, -1)); numbered == 0 || numbered != len(list) {
		t.Fatalf("%d rows of %d can be read", len(list), numbered)
	}
	return list
}

// Every row of docs/specification.md names tests that exist, or says why it cannot.
func TestSpecificationNamesItsTests(t *testing.T) {
	exists := existingTests(t, "../../internal/*", "../e2e", "../docs", "../schema")
	for _, d := range demands(t) {
		if len(d.tests) == 0 && !strings.HasPrefix(d.last, "none: ") {
			t.Errorf("%s names no test, and not why: %q", d.id, d.last)
		}
		for _, name := range d.tests {
			if !exists[name] {
				t.Errorf("%s names %s, which does not exist", d.id, name)
			}
		}
	}
}

// existingTests returns the names of the tests in directories, which may be patterns.
func existingTests(t *testing.T, dirs ...string) map[string]bool {
	t.Helper()
	exists := map[string]bool{}
	for _, dir := range dirs {
		files, err := filepath.Glob(dir + "/*_test.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests in %s: %v", dir, err)
		}
		for _, file := range files {
			for _, f := range testFunc.FindAllStringSubmatch(harness.ReadFile(t, file), -1) {
				exists[f[1]] = true
			}
		}
	}
	return exists
}

// The tests of these demands alone, TestSpec…, and their rows name each other.
func TestSpecificationTestsNameTheirRows(t *testing.T) {
	files, err := filepath.Glob("../e2e/specification*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	source := ""
	for _, file := range files {
		source += harness.ReadFile(t, file)
	}
	pairs := map[string]bool{} // of row and test, as the tests have them
	named := map[string]bool{}
	for _, f := range specTest.FindAllStringSubmatch(source, -1) {
		for id := range strings.SplitSeq(f[1], ", ") {
			pairs[id+" "+f[2]] = true
		}
		named[f[2]] = true
	}
	for _, d := range demands(t) {
		for _, name := range d.tests {
			if pair := d.id + " " + name; strings.HasPrefix(name, "TestSpec") && !pairs[pair] {
				t.Errorf("%s names %s, whose comment does not name it", d.id, name)
			} else {
				delete(pairs, pair)
			}
		}
	}
	for pair := range pairs {
		t.Errorf("the row does not name the test: %s", pair)
	}
	for _, f := range testFunc.FindAllStringSubmatch(source, -1) {
		if !named[f[1]] && !strings.HasPrefix(f[1], "TestSpecification") {
			t.Errorf("%s does not say which row it is for", f[1])
		}
	}
}
