package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inheritedFd is where the machine finds the first queue of the pod's tap.
const inheritedFd = 3

// machine makes eth0 in its own namespace and is the wire between it and the tap.
func machine(o *options) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	inside, err := attachAll("eth0", o)
	if err != nil {
		return err
	}
	if err := inside[0].negotiate(); err != nil {
		return err
	}
	if err := configure("eth0", o); err != nil {
		return err
	}
	broken := make(chan error, 2*len(inside)) // nobody waits for a second one
	for i, in := range inside {
		out := &queue{fd: inheritedFd + i, device: o.tap}
		go func() { broken <- copyFrames(in, out) }()
		go func() { broken <- copyFrames(out, in) }()
	}
	if _, err := fmt.Printf("{\"pid\": %d, \"queues\": %d}\n", os.Getpid(), len(inside)); err != nil {
		return err
	}
	select {
	case err := <-broken:
		return err
	case <-ctx.Done():
		return nil
	}
}

func configure(device string, o *options) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	link, err := netlink.LinkByName(device)
	if err != nil {
		return fmt.Errorf("find %s: %w", device, err)
	}
	mtu := cmp.Or(o.mtu, link.Attrs().MTU)
	steps := []step{
		{fmt.Sprintf("set mac %s", o.mac), func() error { return netlink.LinkSetHardwareAddr(link, o.mac) }},
		{fmt.Sprintf("set mtu %d", mtu), func() error { return netlink.LinkSetMTU(link, mtu) }},
		{"set lo up", func() error { return netlink.LinkSetUp(lo) }},
		{"set " + device + " up", func() error { return netlink.LinkSetUp(link) }},
	}
	for _, addr := range o.addrs {
		addr.Flags = unix.IFA_F_NODAD // usable at once
		steps = append(steps, step{"add address " + addr.String(), func() error { return netlink.AddrAdd(link, addr) }})
	}
	for _, gateway := range o.gateways {
		// onlink: there is but one link, whatever the addresses say (/32, /128).
		route := netlink.Route{LinkIndex: link.Attrs().Index, Gw: gateway, Flags: int(netlink.FLAG_ONLINK)}
		steps = append(steps, step{"add default route through " + gateway.String(), func() error { return netlink.RouteAdd(&route) }})
	}
	return inOrder(steps...)
}
