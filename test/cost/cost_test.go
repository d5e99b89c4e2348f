// Package cost notices when the plugin becomes slower to start. Times are not asserted (make bench measures them); what they come from
// is counted and compared with a budget. A budget has a margin, so that a new Go release stays within it.
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

// maxSize is the budget for the size of bin/tap, in bytes. The kernel reads in what a start touches.
const maxSize = 3_500_000

func TestBinarySize(t *testing.T) {
	info, err := os.Stat(harness.Bin(t, "tap"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > maxSize {
		t.Errorf("size of bin/tap\nwant at most %d bytes\ngot  %d: find the import that caused it, or raise the budget and say why", maxSize, info.Size())
	}
}

// Budgets for the packages of the plugin, all of which are initialized at every start.
const (
	maxPackages = 120 // the standard library's included; a Go release adds some
	maxForeign  = 12  // outside of the standard library and of this module
)

// slow are packages of the standard library that cost much at every start.
var slow = []string{"crypto/sha256", "crypto/tls", "net/http", "os/user", "regexp", "text/template"}

func TestImports(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{.Standard}} {{.ImportPath}}", "./cmd/tap")
	list.Dir = filepath.Join(harness.BinDir(t), "..")
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var foreign []string
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		standard, path, _ := strings.Cut(line, " ")
		if standard == "false" && !strings.HasPrefix(path, "tap/") {
			foreign = append(foreign, path)
		}
		if slices.Contains(slow, path) {
			t.Errorf("the plugin imports %s, which costs much at every start (GODEBUG=inittrace=1)", path)
		}
	}
	t.Logf("%d packages, %d of other modules", len(lines), len(foreign))
	if len(lines) > maxPackages {
		t.Errorf("packages of the plugin\nwant at most %d\ngot  %d", maxPackages, len(lines))
	}
	if len(foreign) > maxForeign {
		t.Errorf("packages of other modules\nwant at most %d\ngot  %d: %s", maxForeign, len(foreign), strings.Join(foreign, ", "))
	}
}
