package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Ended is how an execution of the plugin ended, and what it used.
type Ended struct {
	Got
	Took     time.Duration
	TimedOut bool  // it was killed at the bound
	Peak     int64 // peak resident memory in KB
}

// FinishWithin runs a Command to its end, and kills it if it does not end within bound.
func (h *Host) FinishWithin(cmd *exec.Cmd, bound time.Duration) Ended {
	h.t.Helper()
	return h.finish(cmd, bound, 0)
}

// Terminate runs a Command, sends it SIGTERM after a delay, and kills it if it does not end within bound after the signal.
func (h *Host) Terminate(cmd *exec.Cmd, delay, bound time.Duration) Ended {
	h.t.Helper()
	return h.finish(cmd, delay+bound, delay)
}

// finish kills the process at the bound, and sends SIGTERM before, unless that delay is 0.
func (h *Host) finish(cmd *exec.Cmd, bound, terminate time.Duration) Ended {
	h.t.Helper()
	var out, errOut bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &errOut
	}
	cmd.WaitDelay = 5 * time.Second // a process that the plugin started may still hold the outputs
	start := time.Now()
	if err := h.Node.Start(cmd); err != nil {
		h.t.Fatalf("start %s: %v", cmd.Path, err)
	}
	timedOut := make(chan bool, 1)
	alarm := time.AfterFunc(bound, func() {
		_ = cmd.Process.Kill() // it may have ended
		timedOut <- true
	})
	if terminate > 0 {
		defer time.AfterFunc(terminate, func() { _ = cmd.Process.Signal(syscall.SIGTERM) }).Stop() // it may have ended
	}
	peak := watchPeak(cmd.Process.Pid)
	err := cmd.Wait()
	if alarm.Stop() {
		timedOut <- false
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		h.t.Fatalf("run %s: %v", cmd.Path, err)
	}
	return Ended{
		Got:      Got{t: h.t, Exit: cmd.ProcessState.ExitCode(), Stdout: out.String(), Stderr: errOut.String()},
		Took:     time.Since(start),
		TimedOut: <-timedOut,
		Peak:     peak(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss),
	}
}

// watchPeak reads the peak resident memory of a process until the returned function is called, which returns the peak in KB. The
// argument is ru_maxrss. Linux also counts the memory of the process that has called execve in it, which is this process's (Linux 6.12,
// fs/exec.c, exec_mmap): it is exact only if it is higher than this process's own peak.
func watchPeak(pid int) func(maxrss int64) int64 {
	const interval = 5 * time.Millisecond
	own := peakOf(os.Getpid())
	stop, result := make(chan struct{}), make(chan int64, 1)
	go func() {
		var highest int64
		for {
			highest = max(highest, peakOf(pid))
			select {
			case <-stop:
				result <- highest
				return
			case <-time.After(interval):
			}
		}
	}()
	return func(maxrss int64) int64 {
		close(stop)
		if highest := <-result; maxrss <= max(own, peakOf(os.Getpid())) {
			return highest
		}
		return maxrss
	}
}

// peakOf returns the peak resident memory of a process in KB, or 0 if it has ended.
func peakOf(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(fields[0], 10, 64) // as the kernel prints it
	return kilobytes
}
