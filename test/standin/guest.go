package standin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"tap/test/netns"
)

// VM is a running guest.
type VM struct {
	NS     *netns.Netns // the guest's own
	Queues int

	cmd *exec.Cmd
}

// StartVM runs the program guest behind a tap of a pod, with more options of its command line.
func StartVM(ctx context.Context, guest string, pod *netns.Netns, tap string, options ...string) (*VM, error) {
	cmd := exec.CommandContext(ctx, guest, append([]string{"run", "-netns", pod.Path(), "-tap", tap}, options...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("guest: %w", err)
	}
	var words strings.Builder
	cmd.Stderr = &words
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guest: %w", err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("guest: %w: %s", errors.Join(err, cmd.Wait()), words.String())
	}
	var ready struct{ Pid, Queues int }
	if err := json.Unmarshal(line, &ready); err != nil {
		return nil, fmt.Errorf("guest: %w: %s", err, line)
	}
	ns, err := netns.Of(ready.Pid)
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return &VM{ns, ready.Queues, cmd}, nil
}

// Stop ends the guest.
func (v *VM) Stop() {
	_ = v.cmd.Process.Signal(unix.SIGTERM) // it may have ended with its tap
	_ = v.cmd.Wait()                       // by the signal
	v.NS.Close()
}
