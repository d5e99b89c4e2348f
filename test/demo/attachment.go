package main

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

// attachment is a plugin's, executed as a runtime does.
type attachment struct {
	ctx    context.Context //nolint:containedctx // that of the whole program
	bin    string
	node   *netns.Netns // in which the plugin runs; nil: ours
	pod    *netns.Netns
	ifname string
	conf   map[string]any // prevResult included, once there is one
}

func (a *attachment) plugin(verb string) ([]byte, error) {
	stdin, err := json.Marshal(a.conf)
	if err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	name := fmt.Sprint(a.conf["type"])
	cmd := exec.CommandContext(a.ctx, filepath.Join(a.bin, name))
	cmd.Env = []string{
		"CNI_COMMAND=" + verb, "CNI_CONTAINERID=demo", "CNI_NETNS=" + a.pod.Path(),
		"CNI_IFNAME=" + a.ifname, "CNI_PATH=" + a.bin,
	}
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Stderr = os.Stderr
	var out bytes.Buffer
	cmd.Stdout = &out
	start := cmd.Start
	if a.node != nil {
		start = func() error { return a.node.Start(cmd) }
	}
	if err := start(); err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, verb, err)
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, verb, err, out.String())
	}
	return out.Bytes(), nil
}

// add runs ADD, and keeps the result for the verbs that follow.
func (a *attachment) add() (map[string]json.RawMessage, error) {
	out, err := a.plugin("ADD")
	if err != nil {
		return nil, err
	}
	var result map[string]json.RawMessage
	if err := json.Unmarshal(out, &result); err != nil {
		return nil, fmt.Errorf("ADD: %w: %s", err, out)
	}
	a.conf["prevResult"] = result
	return result, nil
}
