package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"tap/test/netns"
	"tap/test/standin"
)

// Names and addresses, the same at each site.
const (
	nodeAddress, podAddress = "10.77.0.1", "10.77.0.2"
	prefix                  = "/24"
	tapName                 = "tap-eth0"
	owner                   = 64001 // who has no privilege and no name on ordinary machines
)

// site is a node and a pod of its own, with a veth pair between them: "wire" at the
// node, "eth0" in the pod. All of it lives as long as the namespaces.
type site struct {
	node, pod *netns.Netns
	nodeMAC   net.HardwareAddr
	podMAC    net.HardwareAddr // eth0's at first, then the guest's
	vm        *standin.VM      // nil: not running
	held      []func() error   // what has to be closed
}

func newSite() (*site, error) {
	node, err := netns.New()
	if err != nil {
		return nil, err
	}
	pod, err := netns.New()
	if err != nil {
		node.Close()
		return nil, err
	}
	s := &site{node: node, pod: pod}
	if err := s.lay(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// lay lays the wire.
func (s *site) lay() error {
	err := errors.Join(
		run(s.node, "ip link add wire type veth peer name eth0 netns "+s.pod.Path(), "ip link set wire up", "ip addr add "+nodeAddress+prefix+" dev wire"),
		run(s.pod, "ip link set lo up", "ip link set eth0 up", "ip addr add "+podAddress+prefix+" dev eth0"),
	)
	if err != nil {
		return err
	}
	if s.nodeMAC, err = macOf(s.node, "wire"); err != nil {
		return err
	}
	s.podMAC, err = macOf(s.pod, "eth0")
	return err
}

func (s *site) close() error {
	if s.vm != nil {
		s.vm.Stop()
	}
	var failed []error
	for _, release := range s.held {
		failed = append(failed, release())
	}
	s.pod.Close()
	s.node.Close()
	return errors.Join(failed...)
}

// startVM starts a guest that is the pod.
func (s *site) startVM(ctx context.Context, guest string) error {
	vm, err := standin.StartVM(ctx, guest, s.pod, tapName, "-user", fmt.Sprint(owner), "-group", fmt.Sprint(owner),
		"-mac", s.podMAC.String(), "-addr", podAddress+prefix)
	s.vm = vm
	return err
}

// stopVM waits for its end, so that its processor time counts as ours.
func (s *site) stopVM() {
	s.vm.Stop()
	s.vm = nil
}

// run executes commands in a namespace until one fails.
func run(ns *netns.Netns, commands ...string) error {
	for _, command := range commands {
		words := strings.Fields(command)
		if _, err := ns.Output(words[0], words[1:]...); err != nil {
			return err
		}
	}
	return nil
}

func macOf(ns *netns.Netns, device string) (net.HardwareAddr, error) {
	link, err := linkOf(ns, device)
	if err != nil {
		return nil, err
	}
	return link.HardwareAddr, nil
}

func linkOf(ns *netns.Netns, device string) (*net.Interface, error) {
	var link *net.Interface
	err := ns.Do(func() error {
		var err error
		link, err = net.InterfaceByName(device)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", device, err)
	}
	return link, nil
}
