package harness

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// dropCall makes the kernel pass over the call that a thread is about to make.
func dropCall(thread int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(thread, &regs); err != nil {
		return err
	}
	regs.Orig_rax = ^uint64(0)
	return unix.PtraceSetRegs(thread, &regs)
}

// setResult gives a call that was passed over its result.
func setResult(thread int, errno syscall.Errno) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(thread, &regs); err != nil {
		return err
	}
	regs.Rax = -uint64(errno)
	return unix.PtraceSetRegs(thread, &regs)
}
