//go:build amd64

// Package vm proves the plugin with what it is for: virtual machines, started by
// QEMU from Debian's packages, under software emulation. `make vm-test` runs it.
package vm

import (
	"fmt"
	"os"
	"testing"

	"tap/test/isolate"
)

func TestMain(m *testing.M) {
	if os.Getenv("VM") == "" {
		fmt.Println("not run: some minutes; make vm-test")
		return
	}
	os.Exit(isolate.Run(m.Run))
}
