package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tap/test/harness"
)

const label = "system_u:system_r:container_t:s0:c1,c2"

// Without SELinux the setting has nothing to act on: the reference fails there.
func TestSELinuxContextWithoutSELinux(t *testing.T) {
	host := harness.NewHost(t)
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err == nil {
		harness.Skip(t, "this host has SELinux")
	}
	config := conf(t, owned(), m{"selinuxContext": label})
	got := host.Run("ADD", "net1", config).WantOK()
	if got.Stderr != "tap: selinuxContext is ignored: this host has no SELinux\n" {
		t.Errorf("standard error: %q", got.Stderr)
	}
	host.Run("CHECK", "net1", host.WithPrev(config, got)).WantOK()
}

// A stage on which the plugin believes in SELinux: /sys/fs/selinux/enforce is
// there, and with fakeProc also a /proc whose attr/exec takes any label.
const stage = `
mount --make-rprivate /
mount -t tmpfs tmpfs /sys/fs
mkdir /sys/fs/selinux
echo 1 >/sys/fs/selinux/enforce
if [ -n "$FAKEPROC" ]; then
	mkdir -p "$FAKEPROC/thread-self/ns" "$FAKEPROC/thread-self/attr" "$FAKEPROC/thread-self/fd"
	ln -s thread-self "$FAKEPROC/self"
	ln -s "$PLUGIN" "$FAKEPROC/thread-self/exe"
	touch "$FAKEPROC/thread-self/ns/net" "$FAKEPROC/thread-self/attr/exec" "$FAKEPROC/pod"
	mount --bind /proc/self/ns/net "$FAKEPROC/thread-self/ns/net"
	mount --bind "$CNI_NETNS" "$FAKEPROC/pod"
	mkdir "$FAKEPROC/sys"
	mount --bind /proc/sys "$FAKEPROC/sys"
	mount --rbind "$FAKEPROC" /proc
	export CNI_NETNS=/proc/pod
fi
exec "$@"
`

func onStage(host *harness.Host, config, fakeProc string, program ...string) harness.Got {
	cmd := host.Command("ADD", "net1", config, "FAKEPROC="+fakeProc, "PLUGIN="+host.Plugin,
		"CNI_NETNS_OVERRIDE=1") // the skeleton's own check does not find its way in the fake /proc
	cmd.Path = "/usr/bin/unshare"
	cmd.Args = append([]string{"unshare", "-m", "sh", "-ec", stage, "sh"}, program...)
	return host.Finish(cmd)
}

// The label is set for the child that creates the device, and for nothing else.
func TestSELinuxLabelReachesTheChildOnly(t *testing.T) {
	host := harness.NewHost(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "strace")
	config := conf(t, owned(), m{"selinuxContext": label, "multiQueue": true, "mac": "02:00:00:00:00:01"})
	onStage(host, config, filepath.Join(dir, "proc"),
		"strace", "-f", "-qq", "-s", "128", "-o", log, "-e", "trace=openat,write,execve,ioctl", host.Plugin).WantOK()

	d := host.MustDevice("net1")
	if !d.Details.Data.MultiQueue || d.Details.Data.User != "64001" || d.Details.Data.Group != "64002" || !d.Details.Data.Persist {
		t.Errorf("device %+v", d)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	steps := labelSteps(string(data))
	want := []string{"set " + label, "execve child", "TUNSETIFF by the child", "cleared"}
	// The child runs beside the clearing: which of the two is first is not said.
	if got := strings.Join(steps, "; "); got != strings.Join(want, "; ") && got != strings.Join([]string{want[0], want[1], want[3], want[2]}, "; ") &&
		got != strings.Join([]string{want[0], want[3], want[1], want[2]}, "; ") {
		t.Errorf("steps\n got %s\nwant %s\n%s", got, strings.Join(want, "; "), data)
	}
}

var (
	openedAttr = regexp.MustCompile(`^(\d+) +openat\(.*"/proc/thread-self/attr/exec", O_WRONLY\|O_CLOEXEC\) = (\d+)`)
	wrote      = regexp.MustCompile(`^(\d+) +write\((\d+), "([^"]*)", (\d+)\)`)
	executed   = regexp.MustCompile(`^(\d+) +execve\("([^"]+)", \["[^"]*", "create-tap-under-label"`)
	made       = regexp.MustCompile(`^(\d+) +ioctl\(\d+, TUNSETIFF`)
)

// labelSteps reads from strace's log what happened to the exec label.
func labelSteps(log string) []string {
	var steps []string
	attr, child := "", ""
	for _, line := range wholeCalls(log) {
		switch {
		case openedAttr.MatchString(line):
			f := openedAttr.FindStringSubmatch(line)
			attr = f[1] + "/" + f[2]
		case wrote.MatchString(line):
			f := wrote.FindStringSubmatch(line)
			if f[1]+"/"+f[2] != attr {
				continue
			}
			if f[4] == "0" {
				steps = append(steps, "cleared")
			} else {
				steps = append(steps, "set "+f[3])
			}
		case executed.MatchString(line):
			child = executed.FindStringSubmatch(line)[1]
			steps = append(steps, "execve child")
		case made.MatchString(line):
			by := "the plugin"
			if child != "" {
				by = "the child"
			}
			steps = append(steps, "TUNSETIFF by "+by)
		}
	}
	return steps
}

// The IPAM plugin runs after the label is gone, with nothing of it.
func TestSELinuxLabelIsGoneBeforeIPAM(t *testing.T) {
	host := harness.NewHost(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "strace")
	config := conf(t, m{"selinuxContext": label}, m{"ipam": fake(m{"ips": []any{m{"address": "192.0.2.2/24"}}})["ipam"]})
	onStage(host, config, filepath.Join(dir, "proc"),
		"strace", "-f", "-qq", "-s", "128", "-o", log, "-e", "trace=openat,write,execve", host.Plugin)
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	cleared, ipam := -1, -1
	attr := ""
	for i, line := range wholeCalls(string(data)) {
		if f := openedAttr.FindStringSubmatch(line); f != nil {
			attr = f[1] + "/" + f[2]
		}
		if f := wrote.FindStringSubmatch(line); f != nil && f[1]+"/"+f[2] == attr && f[4] == "0" {
			cleared = i
		}
		if strings.Contains(line, "execve(") && strings.Contains(line, "/fake\"") {
			ipam = i
		}
	}
	if cleared < 0 || ipam < 0 || cleared > ipam {
		t.Errorf("label cleared in line %d, IPAM executed in line %d\n%s", cleared, ipam, data)
	}
}

// A label that the kernel does not take: this one takes none.
func TestSELinuxLabelRefused(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	onStage(host, conf(t, fake(), m{"selinuxContext": label}), "", host.Plugin).
		WantError(codeLabel, "create tap", label, "attr/exec", "selinuxContext")
	host.WantSame(before)
	if calls := host.Verbs(); calls != "" {
		t.Errorf("IPAM was asked to %s", calls)
	}
}
