package harness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Point is a system call at whose entry the plugin was killed.
type Point struct {
	Number uint64
	Args   [6]uint64
	Data   [32]byte // what the second argument points at
}

// NetlinkType is the type of the message that a sendto carries.
func (p *Point) NetlinkType() uint16 { return binary.NativeEndian.Uint16(p.Data[4:6]) }

// KillAt runs a command of the plugin and kills it with SIGKILL where it enters
// one of the given system calls for the nth time, counted over all its threads
// but not over its children. It returns nil where the plugin ended by itself.
//
// (strace counts the calls of each thread by itself, and which thread makes which
// call is the Go runtime's choice.)
func (h *Host) KillAt(cmd *exec.Cmd, n int, calls ...uint64) *Point {
	h.t.Helper()
	tracer := &tracer{calls: calls, n: n, entered: map[int]bool{}}
	h.Must(h.Node.Do(func() error { return tracer.run(cmd) })) // ptrace(2) wants one thread
	return tracer.point
}

type tracer struct {
	calls   []uint64
	n       int
	pid     int
	seen    int
	entered map[int]bool // threads that are inside of a call
	point   *Point
}

func (tr *tracer) run(cmd *exec.Cmd) error {
	stdin, err := os.CreateTemp("", "killat")
	if err != nil {
		return err
	}
	defer stdin.Close()
	if err := os.Remove(stdin.Name()); err != nil {
		return err
	}
	conf, _ := cmd.Stdin.(*strings.Reader) // as Host.Command makes it
	if _, err := conf.WriteTo(stdin); err != nil {
		return err
	}
	if _, err := stdin.Seek(0, 0); err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	process, err := os.StartProcess(cmd.Path, cmd.Args, &os.ProcAttr{
		Env: cmd.Env, Files: []*os.File{stdin, null, null}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return err
	}
	tr.pid = process.Pid
	return errors.Join(tr.trace(), process.Release())
}

// trace waits for what the threads and children of the plugin do, until it is gone.
func (tr *tracer) trace() error {
	var status unix.WaitStatus
	if _, err := unix.Wait4(tr.pid, &status, unix.WALL, nil); err != nil {
		return fmt.Errorf("wait for the first stop: %w", err)
	}
	const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(tr.pid, options); err != nil {
		return fmt.Errorf("ptrace options: %w", err)
	}
	thread := tr.pid
	signal := 0
	for {
		// A thread that was killed meanwhile is gone, and is heard of once more.
		if err := unix.PtraceSyscall(thread, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("continue %d: %w", thread, err)
		}
		for stopped := false; !stopped; {
			var err error
			thread, err = unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if errors.Is(err, unix.ECHILD) {
				return nil // all are gone
			}
			if err != nil {
				return fmt.Errorf("wait: %w", err)
			}
			stopped = status.Stopped()
		}
		signal = tr.stopped(thread, status)
	}
}

// stopped looks at a thread that stopped, and returns the signal that it shall get.
func (tr *tracer) stopped(thread int, status unix.WaitStatus) int {
	const syscallStop = unix.SIGTRAP | 0x80
	switch stop := status.StopSignal(); stop {
	case syscallStop:
		tr.entered[thread] = !tr.entered[thread]
		if tr.entered[thread] {
			tr.enter(thread)
		}
		return 0
	case unix.SIGTRAP, unix.SIGSTOP: // an event, or the first stop of a new thread
		return 0
	default:
		return int(stop)
	}
}

func (tr *tracer) enter(thread int) {
	point, err := entry(thread)
	if err != nil || !slices.Contains(tr.calls, point.Number) || !sameProcess(thread, tr.pid) || tr.point != nil {
		return // killed meanwhile, or not one of ours
	}
	tr.seen++
	if tr.seen == tr.n {
		tr.point = point
		_ = unix.Kill(tr.pid, unix.SIGKILL) // it is stopped, and so is there
	}
}

// entry reads the call that a thread is about to make (ptrace(2), PTRACE_GET_SYSCALL_INFO).
func entry(thread int) (*Point, error) {
	const getSyscallInfo = 0x420e
	var info struct {
		op     uint8
		_      [3]uint8
		_      uint32
		_, _   uint64
		number uint64
		args   [6]uint64
		_      [2]uint64
	}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(thread), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return nil, errno
	}
	point := &Point{Number: info.number, Args: info.args}
	_, err := unix.PtracePeekData(thread, uintptr(info.args[1]), point.Data[:])
	if err != nil {
		point.Data = [32]byte{} // no pointer
	}
	return point, nil
}

func sameProcess(thread, pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", pid, thread))
	return err == nil
}
