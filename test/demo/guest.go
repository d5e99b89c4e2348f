package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"tap/test/netns"
	"tap/test/standin"
)

func (d *demo) startGuest() error {
	vm, err := d.guest(d.pod, ifname, "-queues", "2", "-mac", "02:00:00:00:00:09",
		"-addr", guest4+"/24", "-addr", guest6+"/64", "-gateway", d.address(0), "-gateway", d.address(1))
	if err != nil {
		return err
	}
	d.vm = vm
	d.out.step("guest", "user %s opened the tap: no capability, not root, a device node of its own, %d queues", user, vm.Queues)
	return nil
}

// guest starts one on the tap.
func (d *demo) guest(pod *netns.Netns, tap string, options ...string) (*standin.VM, error) {
	return standin.StartVM(d.ctx, filepath.Join(d.bin, "guest"), pod, tap, append([]string{"-user", user, "-group", group}, options...)...)
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
