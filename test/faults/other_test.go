//go:build !amd64

package faults

import (
	"testing"

	"tap/test/harness"
)

func TestFaults(t *testing.T) {
	harness.Skip(t, "taking a system call away is written for amd64 only")
}
