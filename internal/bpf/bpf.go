package bpf

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// Program is a loaded program, which lives as long as it is open, or a filter has it.
type Program struct{ fd int }

// Fd is the descriptor, valid until Close.
func (p *Program) Fd() int { return p.fd }

// Close lets go of the program, which was only held: there is nothing to lose.
func (p *Program) Close() { _ = unix.Close(p.fd) }

// ErrUnsupported is in the chain where the kernel loads no programs.
var ErrUnsupported = errors.New("the kernel loads no BPF programs")

// loadAttr is what BPF_PROG_LOAD reads of union bpf_attr (include/uapi/linux/bpf.h).
type loadAttr struct {
	kind              uint32
	instructionCount  uint32
	instructions      uint64 // addresses
	license           uint64
	logLevel, logSize uint32
	log               uint64
	kernelVersion     uint32
	flags             uint32
	name              [unix.BPF_OBJ_NAME_LEN]byte
}

// load gives a program to the kernel. Before Linux 5.11 it counts as locked memory, for
// which root may have no room left.
func load(name string, program []instruction) (*Program, error) {
	fd, err := tryLoad(name, program)
	if errors.Is(err, unix.EPERM) {
		infinite := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
		if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &infinite) == nil { // else the first error says what is missing
			fd, err = tryLoad(name, program)
		}
	}
	switch {
	case errors.Is(err, unix.ENOSYS):
		return nil, fmt.Errorf("load BPF program %s: %w: %w", name, ErrUnsupported, err)
	case err != nil:
		return nil, fmt.Errorf("load BPF program %s: %w", name, err)
	}
	return &Program{fd: fd}, nil
}

func tryLoad(name string, program []instruction) (int, error) {
	code, license := encode(program), []byte("Apache-2.0\x00")
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(&code[0])
	pinned.Pin(&license[0])
	attr := loadAttr{
		kind:             unix.BPF_PROG_TYPE_SCHED_CLS,
		instructionCount: uint32(len(program)),
		instructions:     address(&code[0]),
		license:          address(&license[0]),
	}
	copy(attr.name[:unix.BPF_OBJ_NAME_LEN-1], name)
	var fd int
	var err error
	for range maxAttempts {
		fd, err = bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		if !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	return fd, err
}

// maxAttempts is how often a program is loaded. The kernel gives up verifying it where a
// signal is pending, and Go's scheduler sends some to its own threads.
// Source: Linux 6.12, kernel/bpf/verifier.c, do_check.
const maxAttempts = 30

// Tag is the kernel's hash of a program's instructions: equal programs have equal ones.
type Tag [unix.BPF_TAG_SIZE]byte

func (t Tag) String() string { return fmt.Sprintf("%x", t[:]) }

// Tag asks the kernel, which does not hash as it did before (SHA-1 until Linux 6.17).
func (p *Program) Tag() (Tag, error) {
	var info struct { // the beginning of struct bpf_prog_info
		kind, id uint32
		tag      Tag
	}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(&info)
	attr := struct { // of BPF_OBJ_GET_INFO_BY_FD
		fd, length uint32
		info       uint64
	}{fd: uint32(p.fd), length: uint32(unsafe.Sizeof(info)), info: uint64(uintptr(unsafe.Pointer(&info)))}
	if _, err := bpf(unix.BPF_OBJ_GET_INFO_BY_FD, unsafe.Pointer(&attr), unsafe.Sizeof(attr)); err != nil {
		return Tag{}, fmt.Errorf("read tag of BPF program: %w", err)
	}
	return info.tag, nil
}

func address(b *byte) uint64 { return uint64(uintptr(unsafe.Pointer(b))) }

func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	result := 0
	err := eintr.Retry(func() error {
		r, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
		if errno != 0 {
			return errno
		}
		result = int(r)
		return nil
	})
	return result, err
}
