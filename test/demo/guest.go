package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"tap/test/netns"
)

// vm is a running guest.
type vm struct {
	cmd *exec.Cmd
	ns  *netns.Netns // the guest's own
}

func (v *vm) stop() {
	_ = v.cmd.Process.Signal(unix.SIGTERM) // it may have ended with its tap
	_ = v.cmd.Wait()                       // by the signal
	v.ns.Close()
}

func (d *demo) startGuest() error {
	vm, queues, err := d.guest(d.pod, ifname, "-queues", "2", "-mac", "02:00:00:00:00:09",
		"-addr", guest4+"/24", "-addr", guest6+"/64", "-gateway", d.address(0), "-gateway", d.address(1))
	if err != nil {
		return err
	}
	d.vm = vm
	d.out.step("guest", "user %s opened the tap: no capability, not root, a device node of its own, %d queues", user, queues)
	return nil
}

// guest starts one on the tap, and says how many queues it has.
func (d *demo) guest(pod *netns.Netns, tap string, options ...string) (*vm, int, error) {
	cmd := exec.CommandContext(d.ctx, filepath.Join(d.bin, "guest"),
		append([]string{"run", "-netns", pod.Path(), "-tap", tap, "-user", user, "-group", group}, options...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, 0, fmt.Errorf("guest: %w", err)
	}
	var words strings.Builder
	cmd.Stderr = &words
	if err := cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("guest: %w", err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return nil, 0, fmt.Errorf("guest: %w: %s", errors.Join(err, cmd.Wait()), words.String())
	}
	var ready struct{ Pid, Queues int }
	if err := json.Unmarshal(line, &ready); err != nil {
		return nil, 0, fmt.Errorf("guest: %w: %s", err, line)
	}
	ns, err := netns.Of(ready.Pid)
	if err != nil {
		return nil, 0, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return &vm{cmd, ns}, ready.Queues, nil
}

// address is the pod's address of one family, from the result of ADD.
func (d *demo) address(family int) string {
	result, _ := d.conf["prevResult"].(map[string]json.RawMessage)
	var ips []struct {
		Address string `json:"address"`
	}
	if err := json.Unmarshal(result["ips"], &ips); err != nil || len(ips) <= family {
		return "" // the guest refuses it, and says why
	}
	address, _, _ := strings.Cut(ips[family].Address, "/")
	return address
}

// refuse shows that another user does not get in.
func (d *demo) refuse() error {
	out, err := exec.CommandContext(d.ctx, filepath.Join(d.bin, "guest"), "attach", "-netns", d.pod.Path(), "-tap", ifname,
		"-user", stranger, "-group", stranger, "-multi-queue").CombinedOutput()
	if err == nil {
		return fmt.Errorf("user %s was let in: %s", stranger, out)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "EPERM") {
		return fmt.Errorf("user %s was not refused: %w: %s", stranger, err, out)
	}
	d.out.step("refuse", "user %s: %s", stranger, strings.TrimSpace(strings.TrimPrefix(string(out), "guest: ")))
	return nil
}
