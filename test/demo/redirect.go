package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tap/test/netns"
	"tap/test/standin"
)

// takeover is the second part: a guest that is the pod. A chain of ptp, which makes the
// pod's eth0, and of our plugin, which hands it to a guest.
type takeover struct {
	node, pod  *netns.Netns
	first, tap *standin.Attachment
	guest      *standin.VM // nil: not running
	before     string
	addresses  []string // of eth0, with their prefix lengths
	gateways   []string
	mac        string
}

func (t *takeover) close() {
	if t.guest != nil {
		t.guest.Stop()
	}
	t.node.Close()
	t.pod.Close()
}

func (d *demo) secondPod() error {
	node, err := netns.New()
	if err != nil {
		return err
	}
	pod, err := netns.New()
	if err != nil {
		node.Close()
		return err
	}
	part := func(kind string) *standin.Attachment {
		return &standin.Attachment{Context: d.ctx, Bin: d.bin, Node: node, Pod: pod, ID: containerID, Ifname: "eth0", Conf: map[string]any{
			"cniVersion": "1.1.0", "name": "pods", "type": kind,
		}}
	}
	t := &takeover{node: node, pod: pod, first: part("ptp"), tap: part("tap")}
	d.over = t
	t.first.Conf["ipam"] = map[string]any{
		"type": "host-local", "dataDir": d.store,
		"ranges": []any{[]any{map[string]any{"subnet": "10.89.0.0/24"}}, []any{map[string]any{"subnet": "2001:db8:89::/64"}}},
		"routes": []any{map[string]any{"dst": "0.0.0.0/0"}, map[string]any{"dst": "::/0"}},
	}
	result, err := t.first.Add()
	if err != nil {
		return err
	}
	t.tap.Conf["prevResult"] = result
	var ips []struct{ Address, Gateway string }
	if err := json.Unmarshal(result["ips"], &ips); err != nil {
		return fmt.Errorf("ptp ADD: %w: %s", err, result["ips"])
	}
	for _, ip := range ips {
		t.addresses, t.gateways = append(t.addresses, ip.Address), append(t.gateways, ip.Gateway)
	}
	d.out.step("pod", "a second one; the plugin ptp made its eth0")
	if t.before, err = t.looks(); err != nil {
		return err
	}
	return t.eachAddress(func(address string) error { return d.ping(node, "node → pod", address) })
}

func (t *takeover) eachAddress(do func(address string) error) error {
	for _, cidr := range t.addresses {
		address, _, _ := strings.Cut(cidr, "/")
		if err := do(address); err != nil {
			return err
		}
	}
	return nil
}

// looks is what must be the same afterwards: eth0, its addresses, qdiscs and routes.
func (t *takeover) looks() (string, error) {
	var all strings.Builder
	for _, args := range [][]string{{"ip", "-br", "link"}, {"ip", "-br", "addr"}, {"ip", "route"}, {"tc", "qdisc"}} {
		out, err := t.pod.Output(args[0], args[1:]...)
		if err != nil {
			return "", err
		}
		all.WriteString(out)
	}
	return all.String(), nil
}

func (d *demo) takeOver() error {
	t := d.over
	t.tap.Conf["redirect"], t.tap.Conf["owner"], t.tap.Conf["group"] = true, 64001, 64002
	result, err := t.tap.Add()
	if err != nil {
		return err
	}
	var interfaces []struct{ Name, Mac, Sandbox string }
	if err := json.Unmarshal(result["interfaces"], &interfaces); err != nil {
		return fmt.Errorf("ADD: %w: %s", err, result["interfaces"])
	}
	guest := slices.IndexFunc(interfaces, func(i struct{ Name, Mac, Sandbox string }) bool { return i.Sandbox == containerID })
	if guest < 0 {
		return fmt.Errorf("ADD: the result has no interface of the guest: %s", result["interfaces"])
	}
	t.mac = interfaces[guest].Mac
	d.out.step("ADD", "tap-eth0, redirected; the interfaces of the result: of the host, the pod, the tap, and the guest's own")
	return d.show(result, "interfaces")
}

// silent shows that the pod's kernel no longer answers.
func (d *demo) silent() error {
	err := d.over.eachAddress(func(address string) error {
		out, err := d.over.node.Output("ping", "-q", "-c", "2", "-i", "0.2", "-W", "1", address)
		if err == nil {
			return fmt.Errorf("%s answers without a guest: %s", address, out)
		}
		if !strings.Contains(out, " 0 received") {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.out.step("silent", "without a guest nobody answers: the pod's kernel is cut off")
	return nil
}

func (d *demo) guestIsThePod() error {
	options := []string{"-mac", d.over.mac}
	for i := range d.over.addresses {
		options = append(options, "-addr", d.over.addresses[i], "-gateway", d.over.gateways[i])
	}
	guest, err := d.guest(d.over.pod, "tap-eth0", options...)
	if err != nil {
		return err
	}
	d.over.guest = guest
	d.out.step("guest", "with the pod's MAC address %s and its addresses %s", d.over.mac, strings.Join(d.over.addresses, ", "))
	return nil
}

func (d *demo) reachGuest() error {
	t := d.over
	if err := t.eachAddress(func(address string) error { return d.ping(t.node, "node → guest", address) }); err != nil {
		return err
	}
	if err := t.eachAddress(func(address string) error { return d.move("node → guest", t.node, t.guest.NS, address) }); err != nil {
		return err
	}
	return d.move("guest → node", t.guest.NS, t.node, t.gateways[0])
}

func (d *demo) giveBack() error {
	t := d.over
	if _, err := t.tap.Run("CHECK"); err != nil {
		return err
	}
	if _, err := t.tap.Run("DEL"); err != nil {
		return err
	}
	d.out.step("DEL", "with the guest still attached")
	return t.eachAddress(func(address string) error { return d.ping(t.node, "node → pod", address) })
}

func (d *demo) secondNothingLeft() error {
	t := d.over
	after, err := t.looks()
	if err != nil {
		return err
	}
	if after != t.before {
		return fmt.Errorf("eth0 is not as it was: before:\n%safter:\n%s", t.before, after)
	}
	if _, err := t.first.Run("DEL"); err != nil {
		return err
	}
	d.out.step("left", "nothing: eth0 was as ptp had made it, until its own DEL")
	return d.nothingReserved("pods")
}
