package harness

import (
	"bytes"
	"fmt"
	"os"
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
