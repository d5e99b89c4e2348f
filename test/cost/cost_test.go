// Package cost notices when the plugin becomes slower to start. Times are no test's
// matter (make bench measures them); what they come from can be counted.
package cost

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tap/test/harness"
)

// maxSize is what bin/tap may have, in bytes: the kernel reads in what a start touches.
const maxSize = 3_250_000

func TestBinarySize(t *testing.T) {
	info, err := os.Stat(harness.Bin(t, "tap"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > maxSize {
		t.Errorf("size of bin/tap\nwant at most %d bytes\ngot  %d: find out which import it was, or raise the limit and say why", maxSize, info.Size())
	}
}

// Each package that is imported is paid on every start. Of the standard library
// only those count that our code or a library names: below, each Go version has others.
func TestImports(t *testing.T) {
	const recorded = "testdata/imports.txt"
	list := exec.Command("go", "list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}} {{join .Imports " "}}{{end}}`, "./cmd/tap")
	list.Dir = filepath.Join(harness.BinDir(t), "..")
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(out))
	slices.Sort(got)
	got = slices.Compact(got)

	text, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(text))
	for _, path := range got {
		if !slices.Contains(want, path) {
			t.Errorf("imports of the plugin\nwant those of %s\ngot  %s as well: is it worth its start-up (GODEBUG=inittrace=1)? Then add it there", recorded, path)
		}
	}
	for _, path := range want {
		if !slices.Contains(got, path) {
			t.Errorf("%s: %s is no longer imported: delete the line", recorded, path)
		}
	}
}
