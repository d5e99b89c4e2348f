package e2e

import (
	"os"
	"testing"
)

// devFull is a file that takes nothing.
func devFull(t *testing.T) *os.File { return forWriting(t, "/dev/full") }

// devNull is a file that takes everything.
func devNull(t *testing.T) *os.File { return forWriting(t, os.DevNull) }

func forWriting(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
