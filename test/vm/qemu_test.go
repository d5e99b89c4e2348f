//go:build amd64

package vm

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tap/test/harness"
	"tap/test/initramfs"
)

// patience is for whatever a machine is waited for: a boot takes some five seconds,
// several times that where others use the processors.
const patience = 15 * time.Minute

// machine is a running QEMU.
type machine struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // of the console

	mu  sync.Mutex
	log strings.Builder
}

// qemuArgs are those of every machine: emulated, which works wherever the tests run,
// without any device but a console, and ended by whatever would start it again.
func qemuArgs(t *testing.T, image, commandLine string) []string {
	t.Helper()
	program, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		harness.Skip(t, "needs Debian's package qemu-system-x86")
	}
	kernel, _ := initramfs.Kernel(t)
	return []string{
		program, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-M", "q35",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", kernel, "-initrd", image, "-append", "console=ttyS0 quiet panic=-1 mitigations=off " + commandLine,
	}
}

// file is a finished initramfs where an unprivileged QEMU finds it.
func file(t *testing.T, r *initramfs.Initramfs) string {
	t.Helper()
	path := filepath.Join(harness.OpenDir(t), "initramfs")
	r.Write(path)
	return path
}

// start starts a command that is, or becomes, QEMU. It ends with the test.
func start(t *testing.T, cmd *exec.Cmd) *machine {
	t.Helper()
	m := &machine{t: t, cmd: cmd, lines: make(chan string, 10000)}
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if m.stdin, err = cmd.StdinPipe(); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start QEMU: %v", err)
	}
	go m.read(out)
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its exit status is in ProcessState
		_ = in.Close() // never fails
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-ended
		if t.Failed() {
			t.Logf("the console:\n%s", m.printed())
		}
	})
	return m
}

func (m *machine) read(out io.Reader) {
	defer close(m.lines)
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := strings.TrimRight(scanner.Text(), "\r")
		m.mu.Lock()
		m.log.WriteString(line + "\n")
		m.mu.Unlock()
		m.lines <- line
	}
}

func (m *machine) printed() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.String()
}

// await returns the lines of the console up to the first that contains the text.
func (m *machine) await(t *testing.T, text string) []string {
	t.Helper()
	deadline := time.After(patience)
	var passed []string
	for {
		select {
		case line, running := <-m.lines:
			if !running {
				t.Fatalf("QEMU ended before it said %q", text)
			}
			passed = append(passed, line)
			if strings.Contains(line, text) {
				return passed
			}
		case <-deadline:
			t.Fatalf("QEMU did not say %q within %v", text, patience)
		}
	}
}

// do has a command line executed in the guest, and returns what it printed.
func (m *machine) do(t *testing.T, line string) string {
	t.Helper()
	if _, err := fmt.Fprintln(m.stdin, line); err != nil {
		t.Fatalf("tell the guest: %v", err)
	}
	var out strings.Builder
	for _, passed := range m.await(t, "GUEST DONE "+line) {
		if text, ok := strings.CutPrefix(passed, "GUEST out "); ok {
			out.WriteString(text + "\n")
		}
	}
	return out.String()
}

// running says whether QEMU still does.
func (m *machine) running() bool { return harness.Alive(m.cmd.Process.Pid) }
