// Package standin has what surrounds a plugin on a node: a runtime that executes it,
// and a VM behind its tap. It is for programs; tests have the harness.
package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"tap/test/netns"
)

// Attachment is a plugin's, executed as a runtime does.
type Attachment struct {
	Context context.Context //nolint:containedctx // that of the whole program
	Bin     string          // folder of the plugins
	Program string          // the plugin's file, seen from there; empty: the type of the configuration
	Node    *netns.Netns    // in which the plugin runs; nil: ours
	Pod     *netns.Netns
	ID      string // CNI_CONTAINERID
	Ifname  string
	Args    string         // CNI_ARGS
	Conf    map[string]any // prevResult included, once there is one
}

// Run executes the plugin and returns its standard output. Any exit status but 0 is an error.
func (a *Attachment) Run(verb string) ([]byte, error) {
	stdin, err := json.Marshal(a.Conf)
	if err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	name := a.Program
	if name == "" {
		name = fmt.Sprint(a.Conf["type"])
	}
	cmd := exec.CommandContext(a.Context, filepath.Join(a.Bin, name))
	cmd.Env = []string{
		"CNI_COMMAND=" + verb, "CNI_CONTAINERID=" + a.ID, "CNI_NETNS=" + a.Pod.Path(),
		"CNI_IFNAME=" + a.Ifname, "CNI_PATH=" + a.Bin, "CNI_ARGS=" + a.Args,
	}
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Stderr = os.Stderr
	var out bytes.Buffer
	cmd.Stdout = &out
	start := cmd.Start
	if a.Node != nil {
		start = func() error { return a.Node.Start(cmd) }
	}
	if err := start(); err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, verb, err)
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, verb, err, out.String())
	}
	return out.Bytes(), nil
}

// Add runs ADD, and keeps the result for the verbs that follow.
func (a *Attachment) Add() (map[string]json.RawMessage, error) {
	out, err := a.Run("ADD")
	if err != nil {
		return nil, err
	}
	var result map[string]json.RawMessage
	if err := json.Unmarshal(out, &result); err != nil {
		return nil, fmt.Errorf("ADD: %w: %s", err, out)
	}
	a.Conf["prevResult"] = result
	return result, nil
}
