package docs

import (
	"regexp"
	"strings"
	"testing"

	"tap/test/harness"
)

// Every promise of docs/threat-model.md names tests that exist, and every test of test/hostile belongs to a promise.
func TestThreatModelNamesItsTests(t *testing.T) {
	_, promises, found := strings.Cut(harness.ReadFile(t, "../../docs/threat-model.md"), "\n## Tests of the promises\n")
	promises, _, ends := strings.Cut(promises, "\n## Bounds\n")
	rows := regexp.MustCompile(`(?m)^\| ([^|]*) \| ([^|]*) \|$`).FindAllStringSubmatch(promises, -1)
	if !found || !ends || len(rows) == 0 {
		t.Fatal("docs/threat-model.md has no section that lists the tests of the promises")
	}
	exists := existingTests(t, "../../internal/*", "../e2e", "../load", "../hostile")
	named := map[string]bool{}
	for _, row := range rows {
		promise, names := row[1], testName.FindAllString(row[2], -1)
		if promise == "promise" {
			continue
		}
		if len(names) == 0 {
			t.Errorf("%q names no test: %q", promise, row[2])
		}
		for _, name := range names {
			if named[name] = true; !exists[name] {
				t.Errorf("%q names %s, which does not exist", promise, name)
			}
		}
	}
	for attack := range existingTests(t, "../hostile") {
		if attack != "TestMain" && !named[attack] {
			t.Errorf("no promise names the test %s of test/hostile", attack)
		}
	}
}
