package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const ifname = "net1"

// contender is a program with the pod that it attaches to.
type contender struct {
	program

	pod   *pod
	id    string // CNI_CONTAINERID
	input string // file of the configuration
	store string // folder of host-local, which contenders may share
}

// newContender gives a program a pod and, in the folder of the bench, its files.
func (b *bench) newContender(p program, pod *pod, id string) *contender {
	own := filepath.Join(b.folder, p.name+"-"+id)
	return &contender{program: p, pod: pod, id: id, input: own + ".json", store: own + ".store"}
}

// measure does a job once: only the process of the job itself is in the sample.
// Words before the program's path start it by way of another one.
func (c *contender) measure(j job, by ...string) (sample, error) {
	stdin, err := c.prepare(j)
	if err != nil {
		return sample{}, err
	}
	defer stdin.Close()
	s, _, err := c.execute(j.verb, stdin, by...)
	if err != nil {
		return sample{}, err
	}
	return s, c.clean(j)
}

// prepare does what has to be there before the job, and opens the job's standard input.
func (c *contender) prepare(j job) (*os.File, error) {
	if j.verb != "DEL" {
		return c.open(j, nil)
	}
	add := j
	add.verb = "ADD"
	stdin, err := c.open(add, nil)
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	_, result, err := c.execute(add.verb, stdin)
	if err != nil {
		return nil, err
	}
	return c.open(j, result)
}

// open writes the configuration of a job and opens it for reading.
func (c *contender) open(j job, prevResult json.RawMessage) (*os.File, error) {
	text, err := j.configuration(c.store, prevResult)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.input, text, 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	file, err := os.Open(c.input)
	if err != nil {
		return nil, fmt.Errorf("open the configuration: %w", err)
	}
	return file, nil
}

// clean makes the pod and the store as they were. host-local reads all its reservations at
// each ADD: in a store that fills later runs would be slower.
func (c *contender) clean(j job) error {
	var left error
	if c.attaches && j.verb == "ADD" {
		left = c.pod.delete(ifname)
	}
	if err := errors.Join(left, os.RemoveAll(c.store)); err != nil {
		return fmt.Errorf("clean up after %s %s: %w", c.name, j.verb, err)
	}
	return nil
}
