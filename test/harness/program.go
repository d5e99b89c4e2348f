package harness

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tap/test/netns"
)

// Hook is where a BPF program of somebody else sees the frames of a device.
type Hook struct {
	Sent     bool   // else received
	TCX      bool   // else a filter of the qdisc clsact, which has to be there
	Name     string // of the filter; default "theirs"
	Priority uint16 // of the filter; default 0xc000, as tc has it
}

// Reject puts a BPF program onto a device that drops frames of an ethertype and leaves
// the rest to what comes behind, until the test ends, or, where it is a filter, until it is
// removed.
func (h *Host) Reject(ns *netns.Netns, device string, hook Hook, ethertype uint16) error {
	h.t.Helper()
	program, err := loadRejecter(ethertype)
	h.Must(err)
	h.t.Cleanup(func() { _ = unix.Close(program) }) // a filter, or a link, has it
	return ns.Do(func() error {
		link, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		if hook.TCX {
			return h.linkTCX(program, link.Attrs().Index, hook)
		}
		parent := uint32(netlink.HANDLE_MIN_INGRESS)
		if hook.Sent {
			parent = netlink.HANDLE_MIN_EGRESS
		}
		return netlink.FilterAdd(&netlink.BpfFilter{
			FilterAttrs: netlink.FilterAttrs{LinkIndex: link.Attrs().Index, Parent: parent, Protocol: unix.ETH_P_ALL, Priority: cmp.Or(hook.Priority, 0xc000)},
			Fd:          program, Name: cmp.Or(hook.Name, "theirs"), DirectAction: true,
		})
	})
}

// ErrNoTCX is that the kernel has no such hooks: Linux has them since 6.6.
var ErrNoTCX = errors.New("the kernel has no tcx")

func (h *Host) linkTCX(program, device int, hook Hook) error {
	const tcxIngress, tcxEgress = 46, 47 // enum bpf_attach_type
	attr := struct{ program, device, hook, flags, relative, _, _, _ uint32 }{program: uint32(program), device: uint32(device), hook: tcxIngress}
	if hook.Sent {
		attr.hook = tcxEgress
	}
	link, err := bpf(unix.BPF_LINK_CREATE, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if errors.Is(err, unix.EINVAL) {
		return ErrNoTCX
	}
	if err != nil {
		return fmt.Errorf("attach by tcx: %w", err)
	}
	h.t.Cleanup(func() { _ = unix.Close(link) }) // detaches it
	return nil
}

// loadRejecter loads what drops frames of that ethertype (struct __sk_buff, protocol).
func loadRejecter(ethertype uint16) (int, error) {
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, ethertype))
	const next, drop = -1, 2 // TC_ACT_UNSPEC and TC_ACT_SHOT, TCX_NEXT and TCX_DROP
	var code []byte
	for _, i := range []struct {
		code, registers byte
		offset          int16
		immediate       int32
	}{
		{0x61, 0x12, 16, 0},              // r2 = *(u32 *)(r1 + 16)
		{0xb7, 0x00, 0, next},            // r0 = next
		{0x55, 0x02, 1, int32(protocol)}, // if r2 != protocol goto +1
		{0xb7, 0x00, 0, drop},            // r0 = drop
		{0x95, 0x00, 0, 0},               // exit
	} {
		code = append(code, i.code, i.registers)
		code = binary.NativeEndian.AppendUint16(code, uint16(i.offset))
		code = binary.NativeEndian.AppendUint32(code, uint32(i.immediate))
	}
	license := []byte("Apache-2.0\x00")
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(&code[0])
	pinned.Pin(&license[0])
	attr := struct { // of BPF_PROG_LOAD
		kind, count   uint32
		code, license uint64
		_             [32]byte
	}{kind: unix.BPF_PROG_TYPE_SCHED_CLS, count: uint32(len(code) / 8), code: address(code), license: address(license)}
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return -1, fmt.Errorf("load a BPF program: %w", err)
	}
	return fd, nil
}

func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&b[0]))) }

func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
