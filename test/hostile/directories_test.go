package hostile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// needFUSE skips the test unless a user namespace may mount FUSE.
func needFUSE(t *testing.T) {
	t.Helper()
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		harness.Skip(t, "needs FUSE: "+err.Error())
	}
	fuse.Close()
}

// wantCollected fails unless GC ended within its bound, and the innocent namespace has no tap, whatever the status of GC is.
func (p *pod) wantCollected(dirs ...string) {
	p.t.Helper()
	good := p.t.TempDir()
	wantInnocentsCollected := p.bindAmongInnocents(good)
	ended := p.collect(append(dirs, good)...)
	if ended.Exit != 0 && !strings.Contains(ended.Stdout, "netnsDirs") {
		p.t.Errorf("the error does not name the key netnsDirs: %s", ended.Stdout)
	}
	wantInnocentsCollected()
}

// TestGCDirectoryOfAPod names a directory by the root directory of a process of the pod, where the pod has mounted a file system that
// never answers. The pod's root is root of the node in another user namespace, so that FUSE lets root of the node in.
func TestGCDirectoryOfAPod(t *testing.T) {
	needFUSE(t)
	for name, options := range map[string][]string{"silent": nil, "silent after FUSE_INIT": {"init"}} {
		t.Run(name, func(t *testing.T) {
			p := newPodOf(t, 0)
			dir := t.TempDir()
			mounted := p.attack("fuse", append([]string{dir}, options...)...)
			p.wantCollected(fmt.Sprintf("/proc/%d/root%s", p.first.cmd.Process.Pid, dir))
			mounted.stop()
		})
	}
}

// mountSilent mounts a FUSE file system on the node until the test ends.
func (p *pod) mountSilent(target string, rootType uint32) {
	p.t.Helper()
	needFUSE(p.t)
	fuse, err := silentFUSE(target, rootType)
	p.Must(err)
	p.t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			p.t.Errorf("unmount %s: %v", target, err)
		}
		fuse.Close()
	})
}

func TestGCDirectoryNeverAnswers(t *testing.T) {
	p := newPod(t)
	dir, links := t.TempDir(), t.TempDir()
	p.mountSilent(dir, unix.S_IFDIR)
	link := filepath.Join(links, "link")
	p.Must(os.Symlink(dir, link))
	for _, c := range []struct{ name, path string }{
		{"mount point", dir},
		{"below the mount point", filepath.Join(dir, "below")},
		{"symbolic link", link},
		{"below the symbolic link", filepath.Join(link, "below")},
	} {
		t.Run(c.name, func(t *testing.T) {
			part := *p
			part.t, part.Host = t, p.In(t)
			part.wantCollected(c.path)
		})
	}
}

func TestGCEntryNeverAnswers(t *testing.T) {
	p := newPod(t)
	dir := t.TempDir()
	for name, rootType := range map[string]uint32{"directory": unix.S_IFDIR, "file": unix.S_IFREG} {
		path := filepath.Join(dir, name)
		if rootType == unix.S_IFDIR {
			p.Must(os.Mkdir(path, 0o700))
		} else {
			p.Must(os.WriteFile(path, nil, 0o600))
		}
		p.mountSilent(path, rootType)
	}
	p.wantCollected(dir)
}

// TestGCRepeatedDirectories counts system calls, because the time depends on the machine.
func TestGCRepeatedDirectories(t *testing.T) {
	const repeated, bound = 60_000, 1_000
	p := newPod(t)
	dir := t.TempDir()
	p.Bind(p.Pod, dir, "pod")
	p.Run("ADD", "net1", conf(t)).WantOK()
	dirs := make([]string, repeated)
	for i := range dirs {
		dirs[i] = dir
	}
	gc := p.Command("GC", "", conf(t, m{"netnsDirs": dirs, "cni.dev/valid-attachments": []any{}}), "CNI_CONTAINERID=", "CNI_NETNS=")
	strace, err := exec.LookPath("strace")
	p.Must(err)
	log := filepath.Join(t.TempDir(), "strace")
	gc.Args = []string{strace, "-f", "-qq", "-e", "signal=none", "-e", "trace=openat,openat2", "-o", log, gc.Path}
	gc.Path = strace
	ended := p.FinishWithin(gc, gcBound+gcBoundEach)
	opened := strings.Count(harness.ReadFile(t, log), "openat")
	t.Logf("GC opened %d files, bound %d; took %v under strace, bound %v", opened, bound, ended.Took.Round(time.Millisecond), gcBound+gcBoundEach)
	if opened > bound {
		t.Errorf("GC opened %d files for one directory that is named %d times", opened, repeated)
	}
	if !ended.TimedOut {
		ended.WantOK()
		wantNoDevice(t, p.Pod, "net1")
	}
}
