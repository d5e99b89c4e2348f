package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// sample is what one process has cost.
type sample struct {
	took   time.Duration // from the wish to start it to the end of the wait for it
	faults int64         // of pages; with those of its own processes
}

// execute runs the program as a runtime does, and returns its standard output. Any exit status
// but 0 is an error.
func (c *contender) execute(verb string, stdin *os.File, by ...string) (sample, []byte, error) {
	line := slices.Concat(by, []string{c.path})
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = []string{
		"CNI_COMMAND=" + verb, "CNI_CONTAINERID=" + c.id, "CNI_NETNS=" + c.pod.ns.Path(), "CNI_IFNAME=" + ifname,
		"CNI_PATH=" + filepath.Dir(c.path), "PATH=" + os.Getenv("PATH"), // the reference executes ip
	}
	// A pipe that is read after the end, since what is printed fits: no goroutine takes part in the time.
	read, write, err := os.Pipe()
	if err != nil {
		return sample{}, nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer read.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, write, os.Stderr

	began := time.Now()
	if err = cmd.Start(); err == nil {
		err = cmd.Wait()
	}
	took := time.Since(began)

	write.Close()
	out, readErr := io.ReadAll(read)
	if err := errors.Join(err, readErr); err != nil {
		return sample{}, nil, fmt.Errorf("%s %s: %w: %s", c.name, verb, err, out)
	}
	s := sample{took: took}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.faults = usage.Minflt + usage.Majflt
	}
	return s, out, nil
}

// milliseconds are the times of some samples.
func milliseconds(samples []sample) []float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, float64(s.took)/float64(time.Millisecond))
	}
	return all
}
