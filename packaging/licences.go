package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// licensed are the licences of what is linked into the programs (SPDX identifiers). A
// new dependency has to be named here, and its licence read.
var licensed = map[string]string{
	standardLibrary:                      "BSD-3-Clause",
	"github.com/containernetworking/cni": "Apache-2.0",
	"github.com/vishvananda/netlink":     "Apache-2.0",
	"github.com/vishvananda/netns":       "Apache-2.0",
	"golang.org/x/sys":                   "BSD-3-Clause",
}

// notices is the file with this project's licence and those of what is linked in, which
// have to go with a binary.
func (r *release) notices() string { return filepath.Join(r.stage, "LICENSES") }

func (r *release) licences() error {
	own, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return err
	}
	text := bytes.NewBufferString("tap is distributed under this licence:\n\n")
	text.Write(own)
	modules, err := linked(r.binary(architectures[0], "tap"))
	if err != nil {
		return err
	}
	for _, m := range modules {
		if licensed[m.path] == "" {
			return fmt.Errorf("nobody has read the licence of %s yet: see licences.go", m.path)
		}
		dir, err := r.sourceOf(m)
		if err != nil {
			return err
		}
		licence, err := os.ReadFile(filepath.Join(dir, "LICENSE"))
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "\n%s\n\nIt contains %s %s (%s):\n\n%s", strings.Repeat("-", 80), m.path, m.version, licensed[m.path], licence)
	}
	return os.WriteFile(r.notices(), text.Bytes(), 0o644)
}

// sourceOf is the folder of a module's source.
func (r *release) sourceOf(m module) (string, error) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", m.path)
	if m.path == standardLibrary {
		cmd = exec.Command("go", "env", "GOROOT")
	}
	cmd.Dir = r.source
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find the source of %s: %w", m.path, err)
	}
	return strings.TrimSpace(string(out)), nil
}
