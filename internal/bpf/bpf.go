package bpf

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// Program is a loaded BPF program. The kernel keeps it until Close, and as long as a filter uses it.
type Program struct{ fd int }

// Fd returns the descriptor. It is valid until Close.
func (p *Program) Fd() int { return p.fd }

// Close closes the descriptor. It ignores errors: nothing was written.
func (p *Program) Close() { _ = unix.Close(p.fd) }

// ErrUnsupported reports that the kernel does not support BPF programs.
var ErrUnsupported = errors.New("the kernel does not support BPF programs")

// loadAttr is the part of union bpf_attr for BPF_PROG_LOAD (include/uapi/linux/bpf.h).
type loadAttr struct {
	kind              uint32
	instructionCount  uint32
	instructions      uint64 // address
	license           uint64 // address
	logLevel, logSize uint32
	log               uint64
	kernelVersion     uint32
	flags             uint32
	name              [unix.BPF_OBJ_NAME_LEN]byte
}

// load loads a program into the kernel. Before Linux 5.11 a program counts as locked memory, so
// load raises RLIMIT_MEMLOCK after EPERM: root may have reached the limit.
func load(name string, program []instruction) (*Program, error) {
	fd, err := tryLoad(name, program)
	if errors.Is(err, unix.EPERM) {
		infinite := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
		if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &infinite) == nil { // otherwise the first error names the missing privilege
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

// tryLoad calls BPF_PROG_LOAD, and repeats it after EAGAIN.
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

// maxAttempts is the maximum number of attempts to load a program. The kernel aborts the
// verification if a signal is pending, and the Go scheduler sends signals to its own threads.
// Source: Linux 6.12, kernel/bpf/verifier.c, do_check.
const maxAttempts = 30

// Tag is the kernel's hash of the instructions of a program. Equal programs have equal tags.
type Tag [unix.BPF_TAG_SIZE]byte

// String returns the tag in hexadecimal.
func (t Tag) String() string { return fmt.Sprintf("%x", t[:]) }

// Tag reads the tag from the kernel. The hash algorithm is the kernel's (SHA-1 until Linux 6.17), so
// the tag is read back rather than computed.
func (p *Program) Tag() (Tag, error) {
	var info struct { // the beginning of struct bpf_prog_info
		kind, id uint32
		tag      Tag
	}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(&info)
	attr := struct { // the part of union bpf_attr for BPF_OBJ_GET_INFO_BY_FD
		fd, length uint32
		info       uint64
	}{fd: uint32(p.fd), length: uint32(unsafe.Sizeof(info)), info: uint64(uintptr(unsafe.Pointer(&info)))}
	if _, err := bpf(unix.BPF_OBJ_GET_INFO_BY_FD, unsafe.Pointer(&attr), unsafe.Sizeof(attr)); err != nil {
		return Tag{}, fmt.Errorf("read tag of BPF program: %w", err)
	}
	return info.tag, nil
}

// address returns the address of b, which must be pinned, as the kernel expects it.
func address(b *byte) uint64 { return uint64(uintptr(unsafe.Pointer(b))) }

// bpf calls bpf(2).
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
