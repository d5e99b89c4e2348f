package cni

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// printError writes the one error that a runtime reads, and a person behind it: what
// is longer than that person would read loses its middle. The library's own writing
// leaves out the cniVersion.
func printError(cniVersion string, e *types.Error) error {
	data, err := json.MarshalIndent(struct {
		CNIVersion string `json:"cniVersion"`
		Code       uint   `json:"code"`
		Msg        string `json:"msg"`
		Details    string `json:"details"`
	}{cniVersion, e.Code, shorten(e.Msg), shorten(e.Details)}, "", "    ")
	if err == nil {
		_, err = Stdout.Write(append(data, '\n'))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the error: %w", err), e)
	}
	return nil
}

// shorten keeps the beginning, which says what was attempted, and the end, where the
// cause is.
func shorten(text string) string {
	const head, tail = 3 << 10, 1 << 10 // bytes
	if len(text) <= head+tail {
		return text
	}
	return strings.ToValidUTF8(text[:head], "") + " … " + strings.ToValidUTF8(text[len(text)-tail:], "")
}

// Notice tells the operator something that is no error, if standard error is read:
// where it is not, nobody misses it, and nothing waits. Standard output is the result's.
func Notice(format string, args ...any) {
	const patience = 100 // milliseconds, for a reader that is at work
	if ready, err := Stderr.writable(patience); err != nil || !ready {
		return
	}
	fmt.Fprintf(Stderr, "tap: "+format+"\n", args...)
}
