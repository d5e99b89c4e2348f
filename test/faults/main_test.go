//go:build amd64

package faults

import (
	"fmt"
	"os"
	"testing"

	"tap/test/isolate"
)

// TestMain runs the tests on a machine of their own, whose /run/netns is empty: GC looks there, and what other processes do
// there would change the calls that it makes.
func TestMain(m *testing.M) {
	if os.Getenv("FAULTS") == "" {
		fmt.Println("not run: some minutes; make faults")
		return
	}
	os.Exit(isolate.Run(func() int {
		status := m.Run()
		if only != "" && len(results.rows) == 0 {
			fmt.Fprintf(os.Stderr, "no such fault was reached: FAULT=%q\n", only)
			status = 1
		}
		results.print(os.Stdout)
		return status
	}))
}
