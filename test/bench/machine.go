package main

import (
	"bufio"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is on what, of what and when the measurement was made.
type machine struct {
	date, kernel, model string
	cpus                int
	others              float64 // percentage of processor time that was not ours
	golang              string
	tap, reference      string // versions
	referenceGo         string
}

// describe looks at the machine, and at the programs in a folder.
func describe(programs string) (machine, error) {
	m := machine{date: time.Now().Format(time.DateOnly), golang: runtime.Version()}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, fmt.Errorf("uname: %w", err)
	}
	m.kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	var err error
	if m.model, m.cpus, err = processors(); err != nil {
		return m, err
	}
	if m.tap, err = ownVersion(filepath.Join(programs, "tap")); err != nil {
		return m, err
	}
	info, err := buildinfo.ReadFile(filepath.Join(programs, "reference", "tap"))
	if err != nil {
		return m, fmt.Errorf("read the reference's version: %w", err)
	}
	m.reference, m.referenceGo = info.Main.Version, info.GoVersion
	return m, nil
}

// processors reads the model and the number of processors from /proc/cpuinfo. Not every
// architecture tells its model.
func processors() (string, int, error) {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "", 0, fmt.Errorf("look for the processors: %w", err)
	}
	defer file.Close()
	model, n := runtime.GOARCH, 0
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "processor":
			n++
		case "model name":
			model = strings.TrimSpace(value)
		}
	}
	return model, n, lines.Err()
}

// ownVersion asks the plugin, which says what it is when no runtime runs it.
func ownVersion(path string) (string, error) {
	cmd := exec.Command(path)
	cmd.Env = []string{}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask the plugin for its version: %w: %s", err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(line, "CNI plugin tap "), nil
}
