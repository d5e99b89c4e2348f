package e2e

import (
	"debug/elf"
	"strings"
	"testing"

	"tap/test/harness"
)

// The plugin is one static file: copied into a container's image, it runs.
func TestBinaryIsStatic(t *testing.T) {
	file, err := elf.Open(harness.Bin(t, "tap"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // read only
	for _, section := range file.Progs {
		if section.Type == elf.PT_INTERP {
			t.Error("it asks for a dynamic linker")
		}
	}
}

// Run by hand, without a runtime's environment, it says what it is.
func TestBinaryTellsItsVersion(t *testing.T) {
	host := harness.NewHost(t)
	got := host.Run("", "", "").WantOK()
	if !strings.HasPrefix(got.Stderr, "CNI plugin tap ") || got.Stdout != "" {
		t.Errorf("standard error %q, standard output %q", got.Stderr, got.Stdout)
	}
}
