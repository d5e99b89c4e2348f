package runtime

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pages are the folders of scripts whose page in docs bears another name; empty: they are in none.
var pages = map[string]string{"containerd2": "containerd", "frame": ""}

// Each page has the scripts of its folder as they run.
func TestDocumentsQuoteTheScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if other, is := pages[name]; is {
			name = other
		}
		if name == "" {
			continue
		}
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile("../../docs/" + name + ".md")
		if err != nil {
			t.Error(err)
		}
		if !strings.Contains(string(page), "\n```\n"+string(script)+"```\n") {
			t.Errorf("docs/%s.md does not quote %s as it is", name, file)
		}
	}
}
