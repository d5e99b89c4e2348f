package hostile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
	"tap/test/isolate"
	"tap/test/netns"
)

// pod is a host whose pod namespace is owned by a user namespace of the pod.
type pod struct {
	*harness.Host
	t     *testing.T
	first *attacker // the process that holds the namespaces
}

// podUser is the user ID outside of the pod that root of the pod is.
const podUser = 64100

func newPod(t *testing.T) *pod {
	t.Helper()
	user := podUser
	if !isolate.HasManyUsers() {
		user = 0
	}
	return newPodOf(t, user)
}

// newPodOf makes a pod whose root is that user outside of the pod.
func newPodOf(t *testing.T, user int) *pod {
	t.Helper()
	p := &pod{Host: harness.NewHost(t), t: t}
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: user, Size: 1}}
	cmd := exec.Command(selfPath, attackerArg, "pod")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: ids, GidMappings: ids,
	}
	p.first = startAttacker(t, cmd)
	p.first.waitReady()
	ns, err := netns.Of(cmd.Process.Pid)
	p.Must(err)
	t.Cleanup(ns.Close)
	p.Must(ns.SetDefaults())
	p.Pod = ns
	return p
}

// selfPath is this program in an attacker that startAttacker starts: a path that any user may execute.
const selfPath = "/proc/self/fd/3"

// attack starts an attack as root of the pod's user namespace, and waits until it is under way.
func (p *pod) attack(name string, args ...string) *attacker {
	p.t.Helper()
	a := p.start(name, args...)
	a.waitReady()
	return a
}

// prepare runs an attack that ends by itself.
func (p *pod) prepare(name string, args ...string) report {
	p.t.Helper()
	return p.start(name, args...).wait()
}

func (p *pod) start(name string, args ...string) *attacker {
	p.t.Helper()
	enter := []string{"--target", fmt.Sprint(p.first.cmd.Process.Pid), "--user", "--net", "--mount", "--", selfPath, attackerArg, name}
	return startAttacker(p.t, exec.Command("nsenter", append(enter, args...)...))
}

// sh runs a script in the pod's network namespace.
func (p *pod) sh(script string) string {
	p.t.Helper()
	return p.Exec("sh", "-ec", script)
}

// attacker is a running attack, which is ended with the test.
type attacker struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errOut strings.Builder
	ended  bool
}

func startAttacker(t *testing.T, cmd *exec.Cmd) *attacker {
	t.Helper()
	a := &attacker{t: t, cmd: cmd}
	program, err := copyOfSelf()
	if err != nil {
		t.Fatalf("copy this program: %v", err)
	}
	defer program.Close()
	cmd.ExtraFiles = []*os.File{program} // becomes descriptor 3
	cmd.Stderr = &a.errOut
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		a.in, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start %s: %v", strings.Join(cmd.Args, " "), err)
	}
	a.out = bufio.NewReaderSize(stdout, 1<<20)
	t.Cleanup(func() {
		if !a.ended {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()         // by that signal
		}
	})
	return a
}

// copyOfSelf returns a copy of this program in memory: its file is in a directory that other users cannot enter.
func copyOfSelf() (*os.File, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer self.Close()
	fd, err := unix.MemfdCreate("attacker", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	memory := os.NewFile(uintptr(fd), "attacker")
	if _, err := memory.ReadFrom(self); err != nil {
		memory.Close()
		return nil, err
	}
	readOnly, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd)) // execve refuses a file that is open for writing
	memory.Close()
	return readOnly, err
}

func (a *attacker) waitReady() {
	a.t.Helper()
	if line, err := a.out.ReadString('\n'); err != nil || line != "ready\n" {
		a.fail(fmt.Errorf("read %q: %w", line, err))
	}
}

// stop ends the attack and returns its report.
func (a *attacker) stop() report {
	a.t.Helper()
	if err := a.in.Close(); err != nil {
		a.fail(err)
	}
	return a.wait()
}

// wait waits for the end of the attack and returns its report.
func (a *attacker) wait() report {
	a.t.Helper()
	alarm := time.AfterFunc(10*time.Minute, func() { _ = a.cmd.Process.Kill() })
	defer alarm.Stop()
	line, err := a.out.ReadBytes('\n')
	if err != nil {
		a.fail(err)
	}
	var did report
	if err := json.Unmarshal(line, &did); err != nil {
		a.fail(fmt.Errorf("report %q: %w", line, err))
	}
	a.ended = true
	if err := a.cmd.Wait(); err != nil {
		a.fail(err)
	}
	return did
}

// pause stops the attacker's process while do runs, which may look at the pod with programs that the attack would hit, too.
func (a *attacker) pause(do func()) {
	a.t.Helper()
	if err := a.cmd.Process.Signal(unix.SIGSTOP); err != nil {
		a.fail(err)
	}
	for { // until all threads have stopped
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, a.cmd.Process.Pid, &info, unix.WSTOPPED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			a.fail(err)
		}
	}
	do()
	if err := a.cmd.Process.Signal(unix.SIGCONT); err != nil {
		a.fail(err)
	}
}

func (a *attacker) fail(err error) {
	a.t.Helper()
	if !a.ended {
		a.ended = true
		_ = a.cmd.Process.Kill() // it may have ended
		_ = a.cmd.Wait()         // to have all of standard error
	}
	a.t.Fatalf("%s: %v: %s", strings.Join(a.cmd.Args, " "), err, a.errOut.String())
}
