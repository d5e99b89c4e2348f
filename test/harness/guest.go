package harness

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"

	"tap/test/netns"
)

// Attach is what an unprivileged process asks for when it opens the tap.
type Attach struct {
	Tap         string // default net1
	User, Group int
	Queues      int  // default 1
	MultiQueue  bool // the flag, also with one queue
	Groups      string
	Hold        bool // stay attached until the test ends
}

// Attached is the outcome.
type Attached struct {
	h      *Host
	Exit   int // -1: it holds the device
	Stderr string
}

// Attach opens the tap as that user, without any privilege, in the pod.
func (h *Host) Attach(a Attach) Attached {
	h.t.Helper()
	NeedUsers(h.t)
	if a.Tap == "" {
		a.Tap = "net1"
	}
	args := []string{"attach", "-netns", h.Pod.Path(), "-tap", a.Tap, "-user", fmt.Sprint(a.User), "-group", fmt.Sprint(a.Group)}
	if a.Queues > 1 {
		args = append(args, "-queues", fmt.Sprint(a.Queues))
	}
	if a.MultiQueue {
		args = append(args, "-multi-queue")
	}
	if a.Groups != "" {
		args = append(args, "-groups", a.Groups)
	}
	if !a.Hold {
		out, err := exec.Command(Bin(h.t, "guest"), args...).CombinedOutput()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return Attached{h: h}
		case errors.As(err, &exit):
			return Attached{h: h, Exit: exit.ExitCode(), Stderr: string(out)}
		}
		h.t.Fatalf("guest: %v", err)
	}
	p := h.StartGuest(append(args, "-hold")...)
	if p.First == nil {
		return Attached{h: h, Exit: p.wait(), Stderr: p.stderr.String()}
	}
	return Attached{h: h, Exit: -1}
}

// WantAttached fails unless the device let the process in.
func (a Attached) WantAttached() {
	a.h.t.Helper()
	if a.Exit > 0 {
		a.h.t.Errorf("not attached: exit %d: %s", a.Exit, a.Stderr)
	}
}

// WantRefused fails unless the kernel refused with that error name.
func (a Attached) WantRefused(errno string) {
	a.h.t.Helper()
	if a.Exit <= 0 || !strings.Contains(a.Stderr, errno) {
		a.h.t.Errorf("want %s: exit %d: %s", errno, a.Exit, a.Stderr)
	}
}

// GuestProcess is a running guest, ended with the test.
type GuestProcess struct {
	First  map[string]any // the first line of its output; nil: it ended without one
	cmd    *exec.Cmd
	out    *bufio.Reader
	stdin  io.WriteCloser
	stderr strings.Builder
}

// StartGuest starts the guest program and waits for its first line.
func (h *Host) StartGuest(args ...string) *GuestProcess {
	h.t.Helper()
	NeedUsers(h.t)
	p := &GuestProcess{cmd: exec.Command(Bin(h.t, "guest"), args...)}
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := p.cmd.StdoutPipe()
	if err == nil {
		p.stdin, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		h.t.Fatalf("start guest: %v", err)
	}
	h.t.Cleanup(func() { p.Stop() })
	p.out = bufio.NewReader(stdout)
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return p
	}
	if err := json.Unmarshal(line, &p.First); err != nil {
		h.t.Fatalf("guest: %v: %s", err, line)
	}
	return p
}

// CloseStdin tells the guest to come to an end, and returns its last line.
func (p *GuestProcess) CloseStdin() (map[string]any, error) {
	if err := p.stdin.Close(); err != nil {
		return nil, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, p.stderr.String())
	}
	var last map[string]any
	return last, json.Unmarshal(line, &last)
}

// Stop ends the guest and all that it started.
func (p *GuestProcess) Stop() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		p.wait()
	}
}

func (p *GuestProcess) wait() int {
	_ = p.cmd.Wait() // ended by our signal, or with the status returned here
	return p.cmd.ProcessState.ExitCode()
}

// VM is a guest that carries traffic.
type VM struct {
	*GuestProcess
	NS *netns.Netns // the guest's own namespace, in which eth0 is the other end of the wire
}

// StartVM starts a guest behind the pod's tap as an unprivileged user.
func (h *Host) StartVM(args ...string) *VM {
	h.t.Helper()
	p := h.StartGuest(append([]string{"run", "-netns", h.Pod.Path()}, args...)...)
	if p.First == nil {
		h.t.Fatalf("guest: exit %d: %s", p.wait(), p.stderr.String())
	}
	ns, err := netns.Of(p.Pid())
	if err != nil {
		h.t.Fatalf("guest: %v", err)
	}
	h.t.Cleanup(ns.Close)
	return &VM{GuestProcess: p, NS: ns}
}

// Pid is the guest's innermost process.
func (p *GuestProcess) Pid() int {
	pid, _ := p.First["pid"].(float64)
	return int(pid)
}
