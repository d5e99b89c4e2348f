package harness

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Alive says whether a process runs. One that waits for its parent to take note
// of its end does not: PID 1 may be in no hurry.
func Alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// proc_pid_stat(5): the name, in parentheses, may contain anything
	_, rest, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')'):], []byte(" "))
	return len(rest) > 0 && rest[0] != 'Z' && rest[0] != 'X'
}

// Processes lists what runs with this host's container ID in its environment: the
// plugin, the IPAM plugin, and whatever they started. The ID must be this test's alone.
func (h *Host) Processes() []int {
	h.t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	h.Must(err)
	var pids []int
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(append([]byte{0}, environ...), []byte("\x00CNI_CONTAINERID="+h.ContainerID+"\x00")) {
			continue // it has ended meanwhile, or is another's
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		h.Must(err)
		if Alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// WantNoProcess fails where any of them is left. One that was just killed may take a moment.
func (h *Host) WantNoProcess() {
	h.t.Helper()
	left := h.Processes()
	for deadline := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(deadline); left = h.Processes() {
		time.Sleep(10 * time.Millisecond)
	}
	for _, pid := range left {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // only for the message
		h.t.Errorf("process %d was left behind: %q", pid, name)
	}
}
