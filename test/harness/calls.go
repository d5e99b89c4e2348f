package harness

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Call is one execution of the fake IPAM plugin, as it recorded it.
type Call struct {
	Verb, ContainerID, IfName, Netns, Args, Path string
	Stdin                                        json.RawMessage
	NetnsInode, ExecLabel                        string
	Descriptors                                  []string
	Pid, Parent                                  int
}

// Calls lists what the fake IPAM plugin was asked, in order.
func (h *Host) Calls() []Call {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.Store, "calls"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		h.t.Fatal(err)
	}
	var calls []Call
	for line := range strings.Lines(string(data)) {
		var c Call
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			h.t.Fatalf("calls: %v: %s", err, line)
		}
		calls = append(calls, c)
	}
	return calls
}

// Verbs lists the verbs of Calls.
func (h *Host) Verbs() string {
	h.t.Helper()
	var verbs []string
	for _, c := range h.Calls() {
		verbs = append(verbs, c.Verb)
	}
	return strings.Join(verbs, " ")
}
