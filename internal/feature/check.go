package feature

import (
	"fmt"
	"net"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netns"
	"tap/internal/plan"
)

// Differences compares the attachment in the kernel with the configuration and with prevResult, the final
// result of the chain. It only reads, by netlink: attaching to the tap would change its SELinux label.
func Differences(conf *netconf.Config, sandbox *netns.Sandbox) ([]plan.Difference, error) {
	a := newAttachment(conf, sandbox, All())
	a.stop = TimeLimit(CheckLimit)
	defer a.Close()
	var d []plan.Difference
	err := a.runInNetns(func() error {
		if err := a.inspect(findStep, planStep); err != nil {
			return err
		}
		seen, err := a.observe()
		if err != nil {
			return err
		}
		layer3, err := a.observeLayer3()
		if err == nil {
			d = a.compare(seen, layer3)
		}
		return err
	})
	return d, listError(deviceKind, err)
}

// compare is pure: observe and observeLayer3 have read all that it needs.
func (a *Attachment) compare(seen *plan.Observed, layer3 *expectedLayer3) []plan.Difference {
	index := a.planPrevResult()
	d := plan.Diff(a.Want, seen)
	tap, prev := seen.Devices[plan.Tap], a.Conf.PrevResult
	if tap == nil || !tap.IsTap() {
		return d
	}
	if index < 0 {
		return append(d, plan.Missing("entry of prevResult: interface %q in %s", a.Conf.Tap.Name, a.Conf.Netns))
	}
	mac := prev.Interfaces[index].Mac
	if _, err := net.ParseMAC(mac); err != nil { // the plan ignores it
		d = append(d, plan.Difference{What: "MAC", Expected: mac, Found: tap.MAC.String()})
	}
	d = append(d, a.compareGuestMAC(seen)...)
	return append(d, layer3.differences()...)
}

// planPrevResult puts into the plan what prevResult recorded, and returns the index of its entry for the tap;
// -1 if missing.
func (a *Attachment) planPrevResult() int {
	conf := a.Conf
	index := conf.PrevResultIndex(conf.Tap.Name)
	if index >= 0 {
		entry, tap := conf.PrevResult.Interfaces[index], a.Want.Device(plan.Tap)
		mtu := entry.Mtu
		if tap.MTUFrom != "" {
			mtu = 0 // the MTU of the other device counts
		}
		tap.UseRecorded(entry.Mac, mtu)
	}
	if iface := a.Want.Devices[plan.Interface]; iface != nil {
		for _, entry := range a.guestEntries() {
			iface.UseRecorded(entry.Mac, entry.Mtu)
		}
	}
	return index
}

// guestEntries returns the entries of prevResult for the interface inside the guest.
func (a *Attachment) guestEntries() []*current.Interface {
	var list []*current.Interface
	for _, entry := range a.Conf.PrevResult.Interfaces {
		if entry.Sandbox == a.Conf.ContainerID && entry.Name == a.Conf.Tap.Name {
			list = append(list, entry)
		}
	}
	return list
}

// compareGuestMAC reports a recorded MAC address of the guest that cannot be parsed. The plan ignores it.
func (a *Attachment) compareGuestMAC(seen *plan.Observed) []plan.Difference {
	iface := seen.Devices[plan.Interface]
	if iface == nil {
		return nil
	}
	var d []plan.Difference
	for _, entry := range a.guestEntries() {
		if _, err := net.ParseMAC(entry.Mac); err != nil {
			d = append(d, plan.Difference{What: fmt.Sprintf("MAC of %q", iface.Name), Expected: entry.Mac, Found: iface.MAC.String()})
		}
	}
	return d
}
