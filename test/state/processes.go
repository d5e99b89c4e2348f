package state

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is a process that a run has started.
type Process struct {
	Pid         int
	Command     string // its command line
	Environment []string
}

// Processes returns the processes that have this setting in their environment, which they inherit from the run that is to be
// observed. Zombies are not included.
func Processes(setting string) ([]Process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	var list []Process
	for _, file := range files {
		environ, err := os.ReadFile(file) // empty for a zombie
		if err != nil || !bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+setting+"\x00")) {
			continue // it has ended, or does not belong to the run
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue // it has ended
		}
		list = append(list, Process{
			Pid: pid, Command: strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " ")),
			Environment: strings.Split(string(environ), "\x00"),
		})
	}
	return list, nil
}
