package harness

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Fault is what befalls a command at one of its system calls. They are counted over
// all threads of a process. (strace counts those of each thread by itself, and
// which thread makes which call is the Go runtime's choice.)
type Fault struct {
	Calls    []uint64       // numbers of the calls that count; empty: all
	N        int            // at the nth of them; 0: nothing befalls it, and all are recorded
	Errno    syscall.Errno  // the call is not made and returns this (close is made)
	Signal   syscall.Signal // sent where the call is entered
	Children bool           // those of its children count instead of its own
	FromMain bool           // only those of the plugin's main count, not those of the Go runtime's start

	Meanwhile func() // called while the thread is held where it enters the call, which it then makes

	Only     func(*Point) bool // only those count for which it is true
	Patience time.Duration     // after which the command is killed; 0: two minutes
}

// Point is a system call at its entry.
type Point struct {
	Pid    int // the process that makes it
	Number uint64
	Args   [6]uint64
	Data   [32]byte // what the second argument points at
}

// NetlinkType is the type of the message that a sendto carries.
func (p *Point) NetlinkType() uint16 { return binary.NativeEndian.Uint16(p.Data[4:6]) }

// Traced is the outcome of a command under a Fault.
type Traced struct {
	Got
	Struck *Point  // where the fault befell it; nil: it made fewer such calls
	Calls  []Point // recorded, where the fault has no N

	Hung     bool // it was killed, out of Patience
	Outlived bool // a program that it had started went on after SIGKILL had ended it
}

// KillAt kills a command with SIGKILL where it enters one of the given system calls
// for the nth time. It returns nil where the plugin ended by itself.
func (h *Host) KillAt(cmd *exec.Cmd, n int, calls ...uint64) *Point {
	h.t.Helper()
	return h.Trace(cmd, Fault{Calls: calls, N: n, Signal: unix.SIGKILL}).Struck
}

// Trace runs a command of the plugin, as Command makes it, under a fault.
func (h *Host) Trace(cmd *exec.Cmd, fault Fault) Traced {
	h.t.Helper()
	if fault.Patience == 0 {
		fault.Patience = 2 * time.Minute // a hanging plugin must not hang the tests
	}
	tr := &tracer{fault: fault, process: map[int]int{}, failing: map[int]bool{}, executed: map[int]bool{}, started: !fault.FromMain}
	var files [3]*os.File
	for i := range files {
		file, err := unnamed()
		h.Must(err)
		defer file.Close()
		files[i] = file
	}
	conf, _ := cmd.Stdin.(*strings.Reader) // as Host.Command makes it
	_, err := conf.WriteTo(files[0])
	h.Must(err)
	_, err = files[0].Seek(0, io.SeekStart)
	h.Must(err)
	h.Must(h.Node.Do(func() error { return tr.run(cmd, files[:]) })) // ptrace(2) wants one thread
	got := Got{t: h.t, Exit: tr.exit}
	for i, text := range []*string{&got.Stdout, &got.Stderr} {
		_, err := files[i+1].Seek(0, io.SeekStart)
		h.Must(err)
		data, err := io.ReadAll(files[i+1])
		h.Must(err)
		*text = string(data)
	}
	return Traced{Got: got, Struck: tr.struck, Calls: tr.calls, Hung: tr.hung.Load(), Outlived: tr.outlived}
}

func unnamed() (*os.File, error) {
	file, err := os.CreateTemp("", "trace")
	if err != nil {
		return nil, err
	}
	return file, os.Remove(file.Name())
}

type tracer struct {
	fault   Fault
	pid     int
	exit    int // status; -1: killed
	started bool
	seen    int
	process map[int]int  // of each thread
	failing map[int]bool // threads whose call fails
	struck  *Point
	calls   []Point

	ended    bool         // the plugin has
	executed map[int]bool // children that have come to be another program, or tried
	outlived bool
	hung     atomic.Bool
}

func (tr *tracer) run(cmd *exec.Cmd, files []*os.File) error {
	process, err := os.StartProcess(cmd.Path, cmd.Args, &os.ProcAttr{
		Env: cmd.Env, Files: files, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return err
	}
	tr.pid = process.Pid
	alarm := time.AfterFunc(tr.fault.Patience, func() {
		tr.hung.Store(true)
		_ = process.Kill()
	})
	defer alarm.Stop()
	return errors.Join(tr.trace(), process.Release())
}

// trace waits for what the threads and children of the plugin do, until all are gone.
func (tr *tracer) trace() error {
	var status unix.WaitStatus
	if _, err := unix.Wait4(tr.pid, &status, unix.WALL, nil); err != nil {
		return fmt.Errorf("wait for the first stop: %w", err)
	}
	const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(tr.pid, options); err != nil {
		return fmt.Errorf("ptrace options: %w", err)
	}
	thread, signal := tr.pid, 0
	for {
		proceed := unix.PtraceSyscall
		if tr.sawAll() {
			proceed = unix.PtraceCont
		}
		// A thread that was killed meanwhile is gone, and is heard of once more.
		if err := proceed(thread, signal); err != nil && !errors.Is(err, unix.ESRCH) {
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
			if stopped = status.Stopped(); !stopped && thread == tr.pid {
				tr.exit, tr.ended = status.ExitStatus(), true
			}
		}
		var err error
		if signal, err = tr.stopped(thread, status); err != nil {
			return err
		}
	}
}

// sawAll says whether no further call matters. After SIGKILL those of the children do.
func (tr *tracer) sawAll() bool {
	return tr.struck != nil && len(tr.failing) == 0 && tr.fault.Signal != unix.SIGKILL
}

// stopped looks at a thread that stopped, and returns the signal that it shall get.
func (tr *tracer) stopped(thread int, status unix.WaitStatus) (int, error) {
	const syscallStop = unix.SIGTRAP | 0x80
	switch stop := status.StopSignal(); stop {
	case syscallStop:
		err := tr.syscall(thread)
		if errors.Is(err, unix.ESRCH) {
			err = nil // killed meanwhile, and is heard of once more
		}
		return 0, err
	case unix.SIGTRAP, unix.SIGSTOP: // an event, or the first stop of a new thread
		return 0, nil
	default:
		return int(stop), nil
	}
}

// syscall looks at a thread that stopped at the entry or the exit of a call.
func (tr *tracer) syscall(thread int) error {
	point, entered, err := syscallInfo(thread)
	switch {
	case err != nil:
		return err
	case entered:
		return tr.enter(thread, point)
	case tr.failing[thread]:
		delete(tr.failing, thread)
		return setResult(thread, tr.fault.Errno)
	}
	return nil
}

func (tr *tracer) enter(thread int, point *Point) error {
	point.Pid = tr.processOf(thread)
	if point.Pid == 0 {
		return nil // killed meanwhile
	}
	ours := point.Pid == tr.pid
	if tr.executed[point.Pid] && tr.ended {
		tr.outlived = true
	}
	if !ours && point.Number == unix.SYS_EXECVE {
		tr.executed[point.Pid] = true
	}
	if ours && point.Number == unix.SYS_CLOSE_RANGE {
		tr.started = true // the first thing that main does
	}
	if ours == tr.fault.Children || !tr.started || tr.struck != nil {
		return nil
	}
	if len(tr.fault.Calls) > 0 && !slices.Contains(tr.fault.Calls, point.Number) {
		return nil
	}
	if tr.fault.Only != nil {
		point.read(thread)
		if !tr.fault.Only(point) {
			return nil
		}
	}
	if tr.fault.N == 0 {
		point.read(thread)
		tr.calls = append(tr.calls, *point)
		return nil
	}
	tr.seen++
	if tr.seen != tr.fault.N {
		return nil
	}
	point.read(thread)
	if err := tr.strike(thread, point); err != nil {
		return err
	}
	tr.struck = point
	return nil
}

// strike does what the fault says to a thread that enters a call.
func (tr *tracer) strike(thread int, point *Point) error {
	if tr.fault.Meanwhile != nil {
		done := make(chan struct{})
		go func() { defer close(done); tr.fault.Meanwhile() }() // this thread is in the node's namespace, and ptrace's
		<-done
		return nil
	}
	if tr.fault.Signal != 0 {
		// The thread is stopped, so it exists. The kernel delivers a signal to the main thread of a process, unless a
		// tracer has stopped that thread (Linux 6.12, kernel/signal.c, wants_signal).
		return unix.Tgkill(point.Pid, point.Pid, tr.fault.Signal)
	}
	if point.Number != unix.SYS_CLOSE { // Linux frees the descriptor whatever the call returns (close(2))
		if err := dropCall(thread); err != nil {
			return err
		}
	}
	tr.failing[thread] = true
	return nil
}

// processOf is the process of a thread. (A thread's number is not used again while
// the test runs.)
func (tr *tracer) processOf(thread int) int {
	if pid, known := tr.process[thread]; known {
		return pid
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil {
		return 0 // killed meanwhile
	}
	var pid int
	_, after, _ := bytes.Cut(status, []byte("\nTgid:"))
	if _, err := fmt.Sscan(string(after), &pid); err != nil {
		return 0
	}
	tr.process[thread] = pid
	return pid
}

// syscallInfo reads the call at which a thread stopped, and whether it is about to
// make it (ptrace(2), PTRACE_GET_SYSCALL_INFO).
func syscallInfo(thread int) (*Point, bool, error) {
	const (
		getSyscallInfo = 0x420e
		entry          = 1
	)
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
		return nil, false, errno
	}
	if info.op != entry {
		return nil, false, nil
	}
	return &Point{Number: info.number, Args: info.args}, true, nil
}

// read fills in Data.
func (p *Point) read(thread int) {
	if _, err := unix.PtracePeekData(thread, uintptr(p.Args[1]), p.Data[:]); err != nil {
		p.Data = [32]byte{} // no pointer
	}
}
