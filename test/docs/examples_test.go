// Package docs checks the documentation. It needs no root.
package docs

import (
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

// The files of examples/ are quoted in the documentation as they are executed.
func TestDocumentsQuoteTheExamples(t *testing.T) {
	examples, err := filepath.Glob("../../examples/*.*")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, file := range append(documents, "../../README.md") {
		all += harness.ReadFile(t, file)
	}
	for _, file := range examples {
		if !strings.Contains(all, "\n"+harness.ReadFile(t, file)+"```") {
			t.Errorf("no document quotes %s as it is", filepath.Base(file))
		}
	}
}
