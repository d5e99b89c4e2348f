package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tap/test/netns"
)

const (
	user, group = "64001", "64002" // nobody's: no such names on ordinary machines
	stranger    = "64009"
	ifname      = "net1"
	guest4      = "10.88.0.9"
	guest6      = "2001:db8:88::9"
)

type demo struct {
	ctx   context.Context //nolint:containedctx // the whole program is one operation
	out   *screen
	bin   string // folder of the plugins and of the guest
	store string // host-local's
	pod   *netns.Netns
	conf  map[string]any
	vm    *vm
}

func newDemo(ctx context.Context, out *screen, bin string) (*demo, error) {
	store, err := os.MkdirTemp("", "tap-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for host-local: %w", err)
	}
	pod, err := netns.New()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(store))
	}
	return &demo{ctx: ctx, out: out, bin: bin, store: store, pod: pod, conf: map[string]any{
		"cniVersion": "1.1.0", "name": "vms", "type": "tap",
		"multiQueue": true, "owner": 64001, "group": 64002,
		"ipam": map[string]any{
			"type": "host-local", "dataDir": store,
			"ranges": []any{[]any{map[string]any{"subnet": "10.88.0.0/24"}}, []any{map[string]any{"subnet": "2001:db8:88::/64"}}},
			"routes": []any{map[string]any{"dst": "0.0.0.0/0"}, map[string]any{"dst": "::/0"}},
		},
	}}, nil
}

// close takes down what the play left, however it ended.
func (d *demo) close() error {
	if d.vm != nil {
		d.vm.stop()
	}
	d.pod.Close()
	if err := os.RemoveAll(d.store); err != nil {
		return fmt.Errorf("remove host-local's folder: %w", err)
	}
	return nil
}

func (d *demo) play() error {
	for _, scene := range []func() error{
		d.add, d.device, d.startGuest, d.pings, d.transfers, d.refuse, d.check, d.del, d.nothingLeft,
	} {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		if err := scene(); err != nil {
			return err
		}
	}
	return nil
}

// plugin executes the plugin as a runtime does.
func (d *demo) plugin(verb string) ([]byte, error) {
	stdin, err := json.Marshal(d.conf)
	if err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	cmd := exec.CommandContext(d.ctx, filepath.Join(d.bin, "tap"))
	cmd.Env = []string{
		"CNI_COMMAND=" + verb, "CNI_CONTAINERID=demo", "CNI_NETNS=" + d.pod.Path(),
		"CNI_IFNAME=" + ifname, "CNI_PATH=" + d.bin,
	}
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", verb, err, out)
	}
	return out, nil
}

func (d *demo) add() error {
	d.out.step("pod", "a network namespace, empty")
	out, err := d.plugin("ADD")
	if err != nil {
		return err
	}
	var result map[string]json.RawMessage
	if err := json.Unmarshal(out, &result); err != nil {
		return fmt.Errorf("ADD: %w: %s", err, out)
	}
	d.conf["prevResult"] = result
	d.out.step("ADD", "tap %s with the addresses that host-local gave; the result:", ifname)
	for _, key := range []string{"interfaces", "ips", "routes"} {
		var line bytes.Buffer
		if err := json.Compact(&line, result[key]); err != nil {
			return fmt.Errorf("ADD: %s: %w", key, err)
		}
		d.out.detail(key + ": " + line.String())
	}
	return nil
}

func (d *demo) device() error {
	out, err := d.pod.Output("ip", "-d", "link", "show", "dev", ifname)
	if err != nil {
		return err
	}
	d.out.step("device", "ip -d link show dev %s", ifname)
	d.out.detail(short(out))
	return nil
}

// short leaves out of `ip -d link` what every device has.
func short(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		for _, noise := range []string{" promiscuity ", " addrgenmode "} {
			line, _, _ = strings.Cut(line, noise)
		}
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func (d *demo) check() error {
	if _, err := d.plugin("CHECK"); err != nil {
		return err
	}
	d.out.step("CHECK", "the attachment is as it was made, while the guest runs")
	return nil
}

func (d *demo) del() error {
	if _, err := d.plugin("DEL"); err != nil {
		return err
	}
	d.out.step("DEL", "with the guest still attached, as after a crash")
	return nil
}

func (d *demo) nothingLeft() error {
	d.vm.stop()
	d.vm = nil
	links, err := d.pod.Output("ip", "-br", "link")
	if err != nil {
		return err
	}
	if n := strings.Count(links, "\n"); n != 1 {
		return fmt.Errorf("%d devices are left: %s", n, links)
	}
	held, err := os.ReadDir(filepath.Join(d.store, "vms"))
	if err != nil {
		return fmt.Errorf("look into host-local's folder: %w", err)
	}
	for _, file := range held {
		if name := file.Name(); name != "lock" && !strings.HasPrefix(name, "last_reserved_ip") {
			return fmt.Errorf("host-local still holds %s", name)
		}
	}
	d.out.step("left", "nothing: the pod has lo only, host-local holds no address")
	return nil
}
