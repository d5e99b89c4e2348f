package measure

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is on what and when a measurement was made.
type Machine struct {
	Date, Kernel string
	Processors   string  // how many, and the model
	Busy         float64 // percentage of processor time that went to [Others] meanwhile
}

// Describe looks at the machine.
func Describe() (Machine, error) {
	m := Machine{Date: time.Now().Format(time.DateOnly)}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, fmt.Errorf("uname: %w", err)
	}
	m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	model, n, err := processors()
	m.Processors = fmt.Sprintf("%d processors (%s)", n, model)
	return m, err
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

// PluginVersion asks our plugin, which says what it is when no runtime runs it.
func PluginVersion(path string) (string, error) {
	cmd := exec.Command(path)
	cmd.Env = []string{}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask the plugin for its version: %w: %s", err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(line, "CNI plugin tap "), nil
}
