package main

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The plugin's two programs, written anew: the other paths are not to depend on its code.

// redirect sends every frame out through a device.
func redirect(to int) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R1, int32(to)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
	}
}

// onlyFrom drops what a device did not receive.
func onlyFrom(device int) asm.Instructions {
	const ingressIfindex, unspec, shot = 36, -1, 2 // of struct __sk_buff; TC_ACT_UNSPEC, TC_ACT_SHOT
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, ingressIfindex, asm.Word),
		asm.Mov.Imm(asm.R0, unspec),
		asm.JEq.Imm(asm.R2, int32(device), "ours"),
		asm.Mov.Imm(asm.R0, shot),
		asm.Return().WithSymbol("ours"),
	}
}

// hook puts a program onto a device of the calling thread's namespace, at what it
// receives or at what it sends, and returns how it is let go.
type hook func(program *ebpf.Program, device int, sent bool) (func() error, error)

// devices are the indices of eth0 and of the tap.
func (s *site) devices() (int, int, error) {
	eth0, err := linkOf(s.pod, "eth0")
	if err != nil {
		return 0, 0, err
	}
	tap, err := linkOf(s.pod, tapName)
	if err != nil {
		return 0, 0, err
	}
	return eth0.Index, tap.Index, nil
}

// program connects the two devices by programs.
func (s *site) program(at hook, silent bool) error {
	eth0, tap, err := s.devices()
	if err != nil {
		return err
	}
	for _, side := range []struct{ device, other int }{{tap, eth0}, {eth0, tap}} {
		if silent {
			if err := s.attach(at, side.device, true, onlyFrom(side.other)); err != nil {
				return err
			}
		}
		if err := s.attach(at, side.device, false, redirect(side.other)); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) attach(at hook, device int, sent bool, code asm.Instructions) error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: code, License: "Apache-2.0"})
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	var release func() error
	err = s.pod.Do(func() error {
		var err error
		release, err = at(program, device, sent)
		return err
	})
	if err := errors.Join(err, program.Close()); err != nil {
		return fmt.Errorf("attach program to device %d: %w", device, err)
	}
	s.held = append(s.held, release)
	return nil
}

// tcx attaches by a link, which lives as long as it is open.
func tcx(program *ebpf.Program, device int, sent bool) (func() error, error) {
	where := ebpf.AttachTCXIngress
	if sent {
		where = ebpf.AttachTCXEgress
	}
	attached, err := link.AttachTCX(link.TCXOptions{Interface: device, Program: program, Attach: where})
	if err != nil {
		return nil, err
	}
	return attached.Close, nil
}

// lastPriority is behind all other filters.
const lastPriority = 0xffff

// classicAt attaches by a filter of the qdisc clsact, which lives as long as the device.
func classicAt(priority uint16) hook {
	return func(program *ebpf.Program, device int, sent bool) (func() error, error) {
		nothing := func() error { return nil }
		if err := addClsact(device); err != nil {
			return nothing, err
		}
		filter := netlink.BpfFilter{
			FilterAttrs:  netlink.FilterAttrs{LinkIndex: device, Parent: netlink.HANDLE_MIN_INGRESS, Protocol: unix.ETH_P_ALL, Priority: priority},
			Fd:           program.FD(),
			Name:         "bench",
			DirectAction: true,
		}
		if sent {
			filter.Parent = netlink.HANDLE_MIN_EGRESS
		}
		return nothing, netlink.FilterAdd(&filter)
	}
}

// clsact gives both devices the qdisc.
func (s *site) clsact() error {
	eth0, tap, err := s.devices()
	if err != nil {
		return err
	}
	return s.pod.Do(func() error { return errors.Join(addClsact(eth0), addClsact(tap)) })
}

// addClsact makes the qdisc, unless there is one.
func addClsact(device int) error {
	qdisc := netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: device, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}}
	if err := netlink.QdiscAdd(&qdisc); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add qdisc: %w", err)
	}
	return nil
}
