package dist

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// tools are the installer and a plugin, of the image and of the tarball.
type tools struct {
	installer, plugin, dir string
}

func newTools(t *testing.T) tools {
	t.Helper()
	harness.NeedRoot(t)
	root := rootOf(t, "amd64")
	return tools{filepath.Join(root, "tap-install"), filepath.Join(root, "tap"), t.TempDir()}
}

// run starts the installer as a pod's container of user 0 without any capability.
func (i tools) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := i.command(args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err
}

func (i tools) command(args ...string) *exec.Cmd {
	return exec.Command("setpriv", append([]string{"--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", i.installer, "-plugin", i.plugin, "-dir", i.dir}, args...)...)
}

func (i tools) wantOK(t *testing.T, says string, args ...string) {
	t.Helper()
	if out, err := i.run(t, args...); err != nil || !strings.Contains(out, says) {
		t.Errorf("want %q, got %v: %s", says, err, out)
	}
}

func (i tools) wantError(t *testing.T, says string, args ...string) {
	t.Helper()
	if out, err := i.run(t, args...); err == nil || !strings.Contains(out, says) || strings.Count(out, "\n") != 1 {
		t.Errorf("want an error of one line with %q, got %v: %s", says, err, out)
	}
}

// target is the plugin's place.
func (i tools) target() string { return filepath.Join(i.dir, "tap") }

// wantOnly fails unless the plugin folder has this one file, with that content.
func (i tools) wantOnly(t *testing.T, content string) {
	t.Helper()
	if got := files(t, i.dir); got != "-rwxr-xr-x tap \n" {
		t.Errorf("the folder has\n%s", got)
		return
	}
	if read(t, i.target()) != content {
		t.Error("tap has another content")
	}
}

func (i tools) inode(t *testing.T) uint64 {
	t.Helper()
	var stat unix.Stat_t
	must(t, unix.Stat(i.target(), &stat))
	return stat.Ino
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o600))
	must(t, os.Chmod(path, mode))
}

func TestInstallPutsAndRemoves(t *testing.T) {
	i := newTools(t)
	i.wantOK(t, "installed ", "install")
	i.wantOnly(t, read(t, i.plugin))
	i.wantOK(t, "removed ", "remove")
	if got := files(t, i.dir); got != "" {
		t.Errorf("left behind\n%s", got)
	}
	i.wantOK(t, "does not exist", "remove")
}

func TestInstallIdenticalIsLeftAlone(t *testing.T) {
	i := newTools(t)
	i.wantOK(t, "installed ", "install")
	inode := i.inode(t)
	i.wantOK(t, "is up to date", "install")
	if i.inode(t) != inode {
		t.Error("the file was replaced")
	}
	for what, spoil := range map[string]func() error{ // its content is identical still
		"nobody can execute it":   func() error { return os.Chmod(i.target(), 0o644) },
		"everybody can change it": func() error { return os.Chmod(i.target(), 0o777) },
		"it is somebody else's":   func() error { return os.Chown(i.target(), 1000, 0) },
	} {
		must(t, spoil())
		i.wantOK(t, "installed ", "install")
		i.wantOnly(t, read(t, i.plugin))
		var stat unix.Stat_t
		if err := unix.Stat(i.target(), &stat); err != nil || stat.Uid != 0 {
			t.Errorf("%s: %v, of user %d", what, err, stat.Uid)
		}
	}
}

func TestInstallReplacesWhatIsThere(t *testing.T) {
	i := newTools(t)
	elsewhere := filepath.Join(t.TempDir(), "packaged")
	for name, put := range map[string]func(){
		"another plugin":      func() { write(t, i.target(), "#!/bin/sh\n", 0o755) },
		"a link to a package": func() { write(t, elsewhere, "a package's", 0o755); must(t, os.Symlink(elsewhere, i.target())) },
		"a link to the same": func() {
			write(t, elsewhere, read(t, i.plugin), 0o755) // on the host it leads to somewhere else
			must(t, os.Symlink(elsewhere, i.target()))
		},
		"a link to nowhere": func() { must(t, os.Symlink("/nowhere", i.target())) },
	} {
		put()
		before, _ := os.ReadFile(elsewhere)
		i.wantOK(t, "installed ", "install")
		i.wantOnly(t, read(t, i.plugin))
		if after, _ := os.ReadFile(elsewhere); !bytes.Equal(before, after) {
			t.Errorf("%s: it was written through", name)
		}
		must(t, os.Remove(i.target()))
	}
}

// A plugin that does not work never gets its name.
func TestInstallVerifiesFirst(t *testing.T) {
	i := newTools(t)
	write(t, i.target(), "the old one", 0o755)
	good := i.plugin
	i.plugin = filepath.Join(t.TempDir(), "tap")
	for _, c := range []struct{ content, says string }{
		{"#!/bin/sh\necho no >&2; exit 3\n", "exit status 3; output: no"},
		{"#!/bin/sh\necho '{}'\n", "invalid answer to VERSION"},
		{read(t, good)[:1<<20], "run the plugin"}, // half of it
		{read(t, filepath.Join(rootOf(t, "s390x"), "tap")), "another architecture"},
	} {
		write(t, i.plugin, c.content, 0o755)
		i.wantError(t, c.says, "install")
		i.wantOnly(t, "the old one")
	}
}

func TestInstallSaysWhatIsWrong(t *testing.T) {
	i := newTools(t)
	i.wantError(t, "missing command: want install or remove")
	i.wantError(t, `unknown command "erase": want install or remove`, "erase")
	i.wantError(t, "flags go before the command", "install", "remove")
	i.wantError(t, "flags go before the command", "install", "-wait")

	elsewhere := i
	elsewhere.dir = "/nowhere"
	elsewhere.wantError(t, "mount the host's directory there", "install")
	elsewhere.wantError(t, "mount the host's directory there", "remove")

	none := i
	none.plugin = "/nowhere/tap"
	none.wantError(t, "read the plugin", "install")

	must(t, os.Chown(i.dir, 1000, 1000)) // root without capabilities may not write there
	must(t, os.Chmod(i.dir, 0o755))
	i.wantError(t, "belongs to user 1000, but this process runs as user 0", "install")
	must(t, os.Chown(i.dir, 0, 0))

	must(t, os.Mkdir(i.target(), 0o755))
	i.wantError(t, "replace "+i.target(), "install")
	if got := files(t, i.dir); got != "" {
		t.Errorf("left behind\n%s", got)
	}
}

// A file system that forbids execution would fail every ADD; one that is full takes half a file.
func TestInstallIntoABadFileSystemFails(t *testing.T) {
	for _, c := range []struct {
		flags         uintptr
		options, says string
	}{
		{unix.MS_NOEXEC, "", "mounted with noexec"},
		{0, "size=1m", "no space left on device"},
		{unix.MS_RDONLY, "", "read-only file system"},
	} {
		i := newTools(t)
		must(t, unix.Mount("tmpfs", i.dir, "tmpfs", c.flags, c.options))
		t.Cleanup(func() { must(t, unix.Unmount(i.dir, 0)) })
		i.wantError(t, c.says, "install")
		if got := files(t, i.dir); got != "" {
			t.Errorf("%s: left behind\n%s", c.says, got)
		}
	}
}

// Wherever it fails or is killed, the name is of a whole file, the old one or the new one;
// only a killed one leaves something beside.
func TestInstallStoppedAnywhereLeavesAWholeFile(t *testing.T) {
	i := newTools(t)
	newOne := read(t, i.plugin)
	for _, c := range []struct {
		call   string
		filter []string // strace's
		want   string
	}{
		{"fchmod", nil, "the old one"},
		{"fsync", nil, "the old one"},
		{"renameat", nil, "the old one"},
		{"fsync", []string{"-P", i.dir}, newOne}, // the folder's
	} {
		for _, fault := range []string{"error=EIO", "signal=KILL"} {
			write(t, i.target(), "the old one", 0o755)
			cmd := exec.Command("strace", append(c.filter, "-f", "-q", "-o", "/dev/null", "-e", "inject="+c.call+":"+fault, i.installer, "-dir", i.dir, "install")...)
			if out, err := cmd.CombinedOutput(); err == nil {
				t.Errorf("%s, %s: no error: %s", c.call, fault, out)
			}
			if fault == "signal=KILL" {
				beside, err := filepath.Glob(i.dir + "/.tap-install-*")
				must(t, err)
				for _, file := range beside {
					must(t, os.Remove(file))
				}
			}
			i.wantOnly(t, c.want)
		}
	}
}

// After a power cut the name is of a whole file, old or new: what is renamed is on the
// disk before, and the name after.
func TestInstallWritesToTheDisk(t *testing.T) {
	i := newTools(t)
	trace := filepath.Join(t.TempDir(), "trace")
	output(t, exec.Command("strace", "-f", "-y", "-e", "trace=fsync,/rename,execve", "-e", "signal=none", "-o", trace, i.installer, "-dir", i.dir, "install"))
	var got []string
	for line := range strings.Lines(read(t, trace)) {
		if call := traced.FindStringSubmatch(line); call != nil && strings.Contains(line, i.dir) {
			got = append(got, call[1])
		}
	}
	if want := "fsync execve renameat fsync"; strings.Join(got, " ") != want {
		t.Errorf("want %s\ngot  %s\n%s", want, got, read(t, trace))
	}
}

// traced finds the call in a line of strace.
var traced = regexp.MustCompile(`^[0-9]+ +([a-z0-9]+)\(`)

func TestInstallSweepsWhatAKilledOneLeft(t *testing.T) {
	i := newTools(t)
	i.wantOK(t, "installed ", "install")
	old, young := filepath.Join(i.dir, ".tap-install-1"), filepath.Join(i.dir, ".tap-install-2")
	write(t, old, "half", 0o600)
	must(t, os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)))
	write(t, young, "half", 0o600) // of one that is at work
	write(t, filepath.Join(i.dir, ".tap"), "a stranger's", 0o600)
	i.wantOK(t, "up to date", "install") // as a container that starts again
	if got, want := files(t, i.dir), "-rw------- .tap \n-rw------- .tap-install-2 \n-rwxr-xr-x tap \n"; got != want {
		t.Errorf("want\n%s\ngot\n%s", want, got)
	}
}

func TestRemoveTakesOnlyThisPlugin(t *testing.T) {
	i := newTools(t)
	stranger := read(t, harness.Bin(t, "static")) // another Go program, a plugin too
	write(t, i.target(), stranger, 0o755)
	i.wantError(t, "is unchanged: it is another plugin", "remove")
	i.wantOnly(t, stranger)
	must(t, os.Remove(i.target()))

	must(t, os.Symlink(i.plugin, i.target())) // a package's
	i.wantError(t, "not a regular file", "remove")
	must(t, os.Remove(i.target()))

	write(t, i.target(), read(t, anotherBuild(t)), 0o755)
	i.wantOK(t, "removed ", "remove")
}

// With -wait it stays until it is told to go, and goes then at once.
func TestInstallWaits(t *testing.T) {
	i := newTools(t)
	cmd := i.command("-wait", "install")
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	said := make([]byte, 200)
	n, err := stdout.Read(said)
	if err != nil || !strings.Contains(string(said[:n]), "installed ") {
		t.Errorf("%v: %s", err, said[:n])
	}
	i.wantOnly(t, read(t, i.plugin))
	must(t, stdout.(*os.File).SetReadDeadline(time.Now().Add(time.Second))) // for one that does not wait to end
	if n, err := stdout.Read(said); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it does not wait: %v: %s", err, said[:n])
	}
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	i.wantOnly(t, read(t, i.plugin)) // pods that run need it for their DEL
}
