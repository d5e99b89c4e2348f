package cni

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// printError writes the error object to standard output. It shortens long texts, because an operator reads
// them. types.Error.Print of the CNI library leaves out the cniVersion.
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

// shorten removes the middle of a long text. It keeps the beginning, which names the operation, and the end,
// which names the cause.
func shorten(text string) string {
	const head, tail = 3 << 10, 1 << 10 // bytes
	if len(text) <= head+tail {
		return text
	}
	return strings.ToValidUTF8(text[:head], "") + " … " + strings.ToValidUTF8(text[len(text)-tail:], "")
}

// Notice writes a warning to standard error, because standard output is for the result. It drops the warning
// if standard error cannot be written within 100 ms, because nothing needs to wait for a reader.
func Notice(format string, args ...any) {
	const timeout = 100 // milliseconds, for a reader that is busy
	if ready, err := Stderr.waitWritable(timeout); err != nil || !ready {
		return
	}
	fmt.Fprintf(Stderr, "tap: "+format+"\n", args...)
}
