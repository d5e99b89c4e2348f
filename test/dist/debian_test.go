package dist

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

// machine is this machine's file system under an overlay, seen by nobody else, in which
// packages can be installed. /made is what `make dist` made, /tools the built programs.
type machine struct {
	t       *testing.T
	root    string // in the mount namespace of
	pid     string
	scratch string // /scratch in there
}

// newMachine lays the overlay, without any plugin folder. A process holds it until the test ends.
func newMachine(t *testing.T) *machine {
	t.Helper()
	harness.NeedRoot(t)
	if filesystems := read(t, "/proc/filesystems"); !strings.Contains(filesystems, "\toverlay\n") {
		harness.Skip(t, "the kernel has no overlayfs: modprobe overlay")
	}
	m := &machine{t: t, scratch: t.TempDir()}
	dir := t.TempDir()
	m.root = filepath.Join(dir, "root")
	hold := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-ec", `
		cd "$1"
		mount -t tmpfs tmpfs .
		cd "$1" # into it
		mkdir upper work root
		mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
		for dir in proc sys dev; do mount --rbind /$dir root/$dir; done
		mkdir -p root/made root/tools root/scratch root/opt
		mount --bind "$2" root/made
		mount --bind "$3" root/tools
		mount --bind "$4" root/scratch
		for package in cni-plugin-tap kubernetes-cni containernetworking-plugins; do
			chroot root dpkg --force-depends --purge $package >/dev/null 2>&1 || true
		done
		rm -rf root/opt/cni root/usr/lib/cni root/usr/libexec/cni
		echo ready
		cat # until the test ends`,
		"sh", dir, filepath.Dir(made(t, "SHA256SUMS")), harness.BinDir(t), m.scratch)
	hold.Stderr = os.Stderr
	stdin, err := hold.StdinPipe()
	must(t, err)
	stdout, err := hold.StdoutPipe()
	must(t, err)
	must(t, hold.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = hold.Wait() // its namespace goes with it
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		_, _ = io.Copy(io.Discard, stdout)
		t.Fatalf("lay an overlay over the file system: %v", err)
	}
	m.pid = pid(hold)
	return m
}

// in makes a command one that runs in there, in the network namespace of its starter.
func (m *machine) in(cmd *exec.Cmd, args ...string) *exec.Cmd {
	enter := exec.Command("nsenter", append([]string{"--mount", "--target", m.pid, "chroot", m.root}, args...)...)
	cmd.Path, cmd.Args = enter.Path, enter.Args
	return cmd
}

// run runs a script in there, which has to succeed, and returns what it printed.
func (m *machine) run(script string) string {
	m.t.Helper()
	cmd := exec.Command("sh")
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "DEBIAN_FRONTEND=noninteractive"}
	return output(m.t, m.in(cmd, "sh", "-ec", script))
}

// want fails unless a script prints that.
func (m *machine) want(script, want string) {
	m.t.Helper()
	if got := m.run(script); got != want {
		m.t.Errorf("%s\nwant %q\ngot  %q", script, want, got)
	}
}

// plugins are what there is of plugins, and what is put aside.
func (m *machine) plugins() string {
	m.t.Helper()
	return m.run(`find /opt/cni /usr/lib/cni /usr/libexec/cni* /usr/share/doc/cni-plugin-tap -printf '%y %p %l\n' 2>/dev/null | sort
		dpkg-divert --list '*/tap'`)
}

// foreign makes somebody else's package with one file in it, and returns its path in there.
func (m *machine) foreign(name, version, file, content string) string {
	m.t.Helper()
	m.run(fmt.Sprintf(`
		dir=$(mktemp -d)
		mkdir -p $dir/DEBIAN $dir/%[3]s
		printf 'Package: %[1]s\nVersion: %[2]s\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: a test\n' >$dir/DEBIAN/control
		rmdir $dir/%[3]s
		printf '%%s' '%[4]s' >$dir/%[3]s
		chmod 755 $dir $dir/%[3]s
		dpkg-deb --root-owner-group --build $dir /scratch/%[1]s-%[2]s.deb >/dev/null`, name, version, file, content))
	return fmt.Sprintf("/scratch/%s-%s.deb", name, version)
}

// use makes an attachment with the plugin in there, and removes it.
func (m *machine) use(plugin string) {
	m.t.Helper()
	host := harness.NewHost(m.t)
	before := host.Snapshot()
	const config = `{"cniVersion": "1.1.0", "name": "vms", "type": "tap", "owner": 1234,
		"ipam": {"type": "static", "addresses": [{"address": "10.1.0.1/24"}, {"address": "fd00:1::1/64"}]}}`
	run := func(verb, config string) harness.Got {
		m.t.Helper()
		return host.Finish(m.in(host.Command(verb, "net1", config, "CNI_PATH="+filepath.Dir(plugin)+":/tools"), plugin)).WantOK()
	}
	added := run("ADD", config)
	if d := host.MustDevice("net1"); !d.Up() || d.Details.Data.User != "1234" || len(added.Result().IPs) != 2 {
		m.t.Errorf("device %+v\nresult %s", d, added.Stdout)
	}
	run("CHECK", host.WithPrev(config, added))
	run("DEL", host.WithPrev(config, added))
	host.WantSame(before)
}
