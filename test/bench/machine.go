package main

import (
	"debug/buildinfo"
	"fmt"
	"path/filepath"
	"runtime"

	"tap/test/measure"
)

// machine is on what, of what and when the measurement was made.
type machine struct {
	measure.Machine

	golang         string
	tap, reference string // versions
	referenceGo    string
}

// describe looks at the machine, and at the programs in a folder.
func describe(programs string) (machine, error) {
	m := machine{golang: runtime.Version()}
	var err error
	if m.Machine, err = measure.Describe(); err != nil {
		return m, err
	}
	if m.tap, err = measure.PluginVersion(filepath.Join(programs, "tap")); err != nil {
		return m, err
	}
	info, err := buildinfo.ReadFile(filepath.Join(programs, "reference", "tap"))
	if err != nil {
		return m, fmt.Errorf("read the reference's version: %w", err)
	}
	m.reference, m.referenceGo = info.Main.Version, info.GoVersion
	return m, nil
}
