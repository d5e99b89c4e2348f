package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tap/test/netns"
	"tap/test/standin"
)

const (
	user, group = "64001", "64002" // nobody's: no such names on ordinary machines
	stranger    = "64009"
	containerID = "demo"
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
	vm    *standin.VM
	over  *takeover // the second part; nil: not begun
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
		d.vm.Stop()
	}
	if d.over != nil {
		d.over.close()
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
		d.secondPod, d.takeOver, d.silent, d.guestIsThePod, d.reachGuest, d.giveBack, d.secondNothingLeft,
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

func (d *demo) add() error {
	d.out.step("pod", "a network namespace, empty")
	result, err := d.attachment().Add()
	if err != nil {
		return err
	}
	d.out.step("ADD", "tap %s with the addresses that host-local gave; the result:", ifname)
	return d.show(result, "interfaces", "ips", "routes")
}

// attachment is that of the first part.
func (d *demo) attachment() *standin.Attachment {
	return &standin.Attachment{Context: d.ctx, Bin: d.bin, Pod: d.pod, ID: containerID, Ifname: ifname, Conf: d.conf}
}

// show prints parts of a result, a line each.
func (d *demo) show(result map[string]json.RawMessage, keys ...string) error {
	for _, key := range keys {
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
	if _, err := d.attachment().Run("CHECK"); err != nil {
		return err
	}
	d.out.step("CHECK", "the attachment is as it was made, while the guest runs")
	return nil
}

func (d *demo) del() error {
	if _, err := d.attachment().Run("DEL"); err != nil {
		return err
	}
	d.out.step("DEL", "with the guest still attached, as after a crash")
	return nil
}

func (d *demo) nothingLeft() error {
	d.vm.Stop()
	d.vm = nil
	links, err := d.pod.Output("ip", "-br", "link")
	if err != nil {
		return err
	}
	if n := strings.Count(links, "\n"); n != 1 {
		return fmt.Errorf("%d devices are left: %s", n, links)
	}
	if err := d.nothingReserved("vms"); err != nil {
		return err
	}
	d.out.step("left", "nothing: the pod has lo only, host-local holds no address")
	return nil
}

func (d *demo) nothingReserved(network string) error {
	held, err := os.ReadDir(filepath.Join(d.store, network))
	if err != nil {
		return fmt.Errorf("look into host-local's folder: %w", err)
	}
	for _, file := range held {
		if name := file.Name(); name != "lock" && !strings.HasPrefix(name, "last_reserved_ip") {
			return fmt.Errorf("host-local still holds %s", name)
		}
	}
	return nil
}
