package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/test/harness"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	fenced   = regexp.MustCompile("(?s)\n```.*?\n```")
	inAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// pages returns the documentation, each page by its path from this directory.
func pages(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md", "../../deploy/*.md", "../../deploy/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			list[file] = fenced.ReplaceAllString(harness.ReadFile(t, file), "\n")
		}
	}
	if len(list) < 10 {
		t.Fatalf("only %d pages were found", len(list))
	}
	return list
}

// Every relative link leads to a file, and to a heading if it names one.
func TestDocumentLinks(t *testing.T) {
	checked := 0
	for page, text := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			checked++
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s: %v", page, found[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(harness.ReadFile(t, file)), anchor) {
				t.Errorf("%s links to %s: no such heading", page, found[1])
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d links were found", checked)
	}
}

// anchors returns the names under which the headings of a page can be linked, as code hosts derive them.
func anchors(page string) []string {
	var list []string
	for _, found := range heading.FindAllStringSubmatch(page, -1) {
		name := inAnchor.ReplaceAllString(strings.ToLower(found[1]), "")
		list = append(list, strings.ReplaceAll(name, " ", "-"))
	}
	return list
}
