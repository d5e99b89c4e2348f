//go:build amd64

package faults

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// call is a system call of the plugin, and what it may fail with. EINTR comes first
// where the call can be interrupted. EAGAIN is among them only where it says that
// something is scarce, or "once more": from a socket it says "wait", and nothing would come.
type call struct {
	name   string
	errnos []syscall.Errno
}

var calls = map[uint64]call{
	unix.SYS_READ:              {"read", []syscall.Errno{unix.EINTR, unix.EIO}},
	unix.SYS_PREAD64:           {"pread64", []syscall.Errno{unix.EINTR, unix.EIO}},
	unix.SYS_PWRITE64:          {"pwrite64", []syscall.Errno{unix.EINTR, unix.EIO, unix.EPERM}},
	unix.SYS_WRITE:             {"write", []syscall.Errno{unix.EINTR, unix.EIO, unix.EPIPE, unix.ENOSPC}},
	unix.SYS_CLOSE:             {"close", []syscall.Errno{unix.EINTR, unix.EIO}},
	unix.SYS_OPENAT:            {"openat", []syscall.Errno{unix.EINTR, unix.EMFILE, unix.EACCES, unix.ENOENT, unix.ENOMEM}},
	unix.SYS_OPENAT2:           {"openat2", []syscall.Errno{unix.EINTR, unix.EMFILE, unix.EACCES, unix.ENOENT, unix.ENOSYS}},
	unix.SYS_FSTAT:             {"fstat", []syscall.Errno{unix.ENOMEM, unix.EIO}},
	unix.SYS_NEWFSTATAT:        {"newfstatat", []syscall.Errno{unix.EINTR, unix.ENOENT, unix.EACCES, unix.ENOMEM}},
	unix.SYS_STATX:             {"statx", []syscall.Errno{unix.EINTR, unix.EACCES, unix.ENOMEM}}, // of an open file
	unix.SYS_FSTATFS:           {"fstatfs", []syscall.Errno{unix.EINTR, unix.ENOMEM, unix.EIO}},
	unix.SYS_GETDENTS64:        {"getdents64", []syscall.Errno{unix.EINTR, unix.EIO, unix.ENOENT}},
	unix.SYS_READLINKAT:        {"readlinkat", []syscall.Errno{unix.ENOENT, unix.EACCES, unix.ENOMEM}},
	unix.SYS_LSEEK:             {"lseek", []syscall.Errno{unix.EINVAL, unix.ESPIPE}},
	unix.SYS_IOCTL:             {"ioctl", []syscall.Errno{unix.EINTR, unix.EPERM, unix.EBUSY, unix.ENODEV, unix.ENOMEM, unix.EINVAL}},
	unix.SYS_FCNTL:             {"fcntl", []syscall.Errno{unix.EMFILE, unix.EBADF}},
	unix.SYS_FLOCK:             {"flock", []syscall.Errno{unix.EINTR, unix.ENOLCK}},
	unix.SYS_UNLINKAT:          {"unlinkat", []syscall.Errno{unix.EACCES, unix.EIO}},
	unix.SYS_MKDIRAT:           {"mkdirat", []syscall.Errno{unix.EACCES, unix.ENOSPC}},
	unix.SYS_SOCKET:            {"socket", []syscall.Errno{unix.EMFILE, unix.ENOMEM, unix.EPERM}},
	unix.SYS_BIND:              {"bind", []syscall.Errno{unix.EADDRINUSE, unix.ENOMEM}},
	unix.SYS_CONNECT:           {"connect", []syscall.Errno{unix.EINTR, unix.ECONNREFUSED}},
	unix.SYS_GETSOCKNAME:       {"getsockname", []syscall.Errno{unix.ENOBUFS}},
	unix.SYS_SETSOCKOPT:        {"setsockopt", []syscall.Errno{unix.ENOPROTOOPT, unix.ENOMEM}},
	unix.SYS_SENDTO:            {"sendto", []syscall.Errno{unix.EINTR, unix.ENOBUFS, unix.ENOMEM, unix.EPERM}},
	unix.SYS_RECVFROM:          {"recvfrom", []syscall.Errno{unix.EINTR, unix.ENOBUFS, unix.ENOMEM}},
	unix.SYS_SETNS:             {"setns", []syscall.Errno{unix.EPERM, unix.EINVAL, unix.ENOMEM}},
	unix.SYS_UNSHARE:           {"unshare", []syscall.Errno{unix.EPERM, unix.ENOSPC}},
	unix.SYS_CLONE:             {"clone", []syscall.Errno{unix.EAGAIN, unix.ENOMEM, unix.EPERM}},
	unix.SYS_EXECVE:            {"execve", []syscall.Errno{unix.ENOENT, unix.EACCES, unix.ENOMEM}},
	unix.SYS_WAIT4:             {"wait4", []syscall.Errno{unix.EINTR, unix.ECHILD}},
	unix.SYS_WAITID:            {"waitid", []syscall.Errno{unix.EINTR, unix.ECHILD}},
	unix.SYS_PIDFD_OPEN:        {"pidfd_open", []syscall.Errno{unix.ENOSYS, unix.EMFILE, unix.ENOMEM}},
	unix.SYS_PIDFD_SEND_SIGNAL: {"pidfd_send_signal", []syscall.Errno{unix.ENOSYS, unix.EPERM}},
	unix.SYS_PIPE2:             {"pipe2", []syscall.Errno{unix.EMFILE, unix.ENFILE}},
	unix.SYS_GETRANDOM:         {"getrandom", []syscall.Errno{unix.EINTR, unix.EAGAIN}},
	unix.SYS_PRCTL:             {"prctl", []syscall.Errno{unix.EPERM, unix.EINVAL}},
	unix.SYS_SETPGID:           {"setpgid", []syscall.Errno{unix.EPERM}},
	unix.SYS_DUP3:              {"dup3", []syscall.Errno{unix.EINTR, unix.EMFILE}},
	unix.SYS_CLOSE_RANGE:       {"close_range", []syscall.Errno{unix.ENOSYS, unix.ENOMEM}},
	unix.SYS_BPF:               {"bpf", []syscall.Errno{unix.EINTR, unix.EAGAIN, unix.EPERM, unix.ENOMEM}},
	unix.SYS_KILL:              {"kill", []syscall.Errno{unix.ESRCH, unix.EPERM}},
}

// others are the errnos of a call that has no line above.
var others = []syscall.Errno{unix.EINTR, unix.ENOMEM, unix.EPERM, unix.EIO}

// runtimeCalls are the Go runtime's own: memory, threads, signals, timers and the
// waiting for files. A program in Go cannot handle their failure, and the runtime
// itself mostly ends the process.
var runtimeCalls = map[uint64]call{
	unix.SYS_FUTEX:             {"futex", []syscall.Errno{unix.ENOMEM, unix.EINTR}},
	unix.SYS_MMAP:              {"mmap", []syscall.Errno{unix.ENOMEM, unix.EAGAIN}},
	unix.SYS_MUNMAP:            {"munmap", []syscall.Errno{unix.ENOMEM, unix.EINVAL}},
	unix.SYS_MADVISE:           {"madvise", []syscall.Errno{unix.ENOMEM, unix.EAGAIN}},
	unix.SYS_NANOSLEEP:         {"nanosleep", []syscall.Errno{unix.EINTR, unix.EINVAL}},
	unix.SYS_SCHED_YIELD:       {"sched_yield", []syscall.Errno{unix.EPERM, unix.EINTR}},
	unix.SYS_SCHED_GETAFFINITY: {"sched_getaffinity", []syscall.Errno{unix.EINVAL, unix.EPERM}},
	unix.SYS_RT_SIGACTION:      {"rt_sigaction", []syscall.Errno{unix.EINVAL, unix.EPERM}},
	unix.SYS_RT_SIGPROCMASK:    {"rt_sigprocmask", []syscall.Errno{unix.EINVAL, unix.EPERM}},
	unix.SYS_RT_SIGRETURN:      {"rt_sigreturn", []syscall.Errno{unix.EINTR, unix.EPERM}},
	unix.SYS_SIGALTSTACK:       {"sigaltstack", []syscall.Errno{unix.ENOMEM, unix.EPERM}},
	unix.SYS_EPOLL_CREATE1:     {"epoll_create1", []syscall.Errno{unix.EMFILE, unix.ENOMEM}},
	unix.SYS_EPOLL_CTL:         {"epoll_ctl", []syscall.Errno{unix.ENOMEM, unix.ENOSPC}},
	unix.SYS_EPOLL_PWAIT:       {"epoll_pwait", []syscall.Errno{unix.EINTR, unix.EINVAL}},
	unix.SYS_EVENTFD2:          {"eventfd2", []syscall.Errno{unix.EMFILE, unix.ENOMEM}},
	unix.SYS_TGKILL:            {"tgkill", []syscall.Errno{unix.EAGAIN, unix.EPERM}},
	unix.SYS_GETTID:            {"gettid", []syscall.Errno{unix.EPERM, unix.ENOMEM}},
	unix.SYS_GETPID:            {"getpid", []syscall.Errno{unix.EPERM, unix.ENOMEM}},
	unix.SYS_EXIT:              {"exit", []syscall.Errno{unix.EPERM, unix.EINTR}},
	unix.SYS_EXIT_GROUP:        {"exit_group", []syscall.Errno{unix.EPERM, unix.EINTR}},
	unix.SYS_RESTART_SYSCALL:   {"restart_syscall", []syscall.Errno{unix.EINTR, unix.EPERM}},
	unix.SYS_CLONE:             {"clone of a thread", []syscall.Errno{unix.EAGAIN, unix.EPERM}},
}

// ofRuntime says whether a call is the Go runtime's own business.
func ofRuntime(p *harness.Point) bool {
	if p.Number == unix.SYS_CLONE {
		return p.Args[0]&unix.CLONE_THREAD != 0
	}
	_, is := runtimeCalls[p.Number]
	return is
}

func ofProgram(p *harness.Point) bool { return !ofRuntime(p) }

// possible says whether a call can fail so: a pipe reports no fault of a disk. (What
// waits at its other end would wait for ever.)
func possible(p *harness.Point, errno syscall.Errno) bool {
	if p.Number != unix.SYS_READ && p.Number != unix.SYS_WRITE || errno != unix.EIO && errno != unix.ENOSPC {
		return true
	}
	file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.Pid, p.Args[0]))
	return err == nil && strings.HasPrefix(file, "/")
}

// lookup is the line of a call, whichever of the tables has it.
func lookup(number uint64, table map[uint64]call) call {
	if c, known := table[number]; known {
		return c
	}
	return call{fmt.Sprintf("call %d", number), others}
}

// mustBeRetried says whether a call simply has to be made again after such an error:
// after EINTR nearly every one. (close may not: Linux has freed the descriptor.)
func mustBeRetried(p *harness.Point, errno syscall.Errno) bool {
	switch errno {
	case unix.EINTR:
		return p.Number != unix.SYS_CLOSE && slices.Contains(lookup(p.Number, calls).errnos, unix.EINTR)
	case unix.EAGAIN: // the BPF verifier, to whom a signal came
		return p.Number == unix.SYS_BPF && p.Args[0] == unix.BPF_PROG_LOAD
	}
	return false
}
