package runtime

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// state is what an attachment or a runtime can leave on a machine: devices, addresses, named namespaces, reservations,
// cached results, mounts, processes.
type state []string

// look reads the machine's state.
func look(t *testing.T) state {
	t.Helper()
	var s state
	for _, args := range [][]string{
		{"ip", "-o", "-br", "link"},
		{"ip", "-o", "-br", "addr"},
		{"findmnt", "--list", "--noheadings", "--output", "TARGET,FSTYPE"},
	} {
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		for line := range strings.Lines(string(out)) {
			line = strings.Join(strings.Fields(line), " ")
			if line != "/run/netns tmpfs" { // which stays once there was a namespace: ip-netns(8)
				s = append(s, args[0]+": "+line)
			}
		}
	}
	for _, dir := range []string{"/run/netns", "/var/lib/cni", "/var/lib/containers/cache"} {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { // no such folder: nothing in it
			if name := filepath.Base(path); err == nil && !d.IsDir() && name != "lock" && !strings.HasPrefix(name, "last_reserved_ip") {
				s = append(s, path)
			}
			return nil
		})
	}
	processes, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range processes {
		name, err := os.ReadFile(file)
		if err == nil { // else it has ended meanwhile
			s = append(s, "process: "+strings.TrimSpace(string(name)))
		}
	}
	return s
}

// wantSame fails where anything differs from before. What a runtime does after it has answered may take a moment.
func (s state) wantSame(t *testing.T) {
	t.Helper()
	differences := s.differences(look(t))
	for deadline := time.Now().Add(10 * time.Second); len(differences) > 0 && time.Now().Before(deadline); differences = s.differences(look(t)) {
		time.Sleep(100 * time.Millisecond)
	}
	for _, line := range differences {
		t.Error(line)
	}
}

// differences lists what is more, and what is less. Processes of before may end, and a mount that the machine was born
// with goes when somebody removes the real machine's folder below it.
func (s state) differences(after state) []string {
	var list []string
	for _, line := range after {
		if !slices.Contains(s, line) {
			list = append(list, "left behind: "+line)
		}
	}
	for _, line := range s {
		mayGo := strings.HasPrefix(line, "findmnt: ") || strings.HasPrefix(line, "process: ")
		if !mayGo && !slices.Contains(after, line) {
			list = append(list, "taken away: "+line)
		}
	}
	return list
}
