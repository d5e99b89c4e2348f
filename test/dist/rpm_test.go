package dist

import (
	"strings"
	"testing"
)

const (
	installRpm = "rpm --force-debian --nodeps --dbpath /var/lib/rpm-of-the-test --install /made/cni-plugin-tap-*.x86_64.rpm"
	removeRpm  = "rpm --force-debian --nodeps --dbpath /var/lib/rpm-of-the-test --erase cni-plugin-tap"
	rpmPlugin  = "/usr/libexec/cni-plugin-tap/tap"
)

func TestRpmInstalledUsedRemoved(t *testing.T) {
	m := newMachine(t)
	before := m.plugins()
	m.run(installRpm)
	m.want("readlink /opt/cni/bin/tap /usr/libexec/cni/tap", rpmPlugin+"\n"+rpmPlugin+"\n")
	m.use("/opt/cni/bin/tap")
	m.use("/usr/libexec/cni/tap")
	m.run(strings.Replace(installRpm, "--install", "--upgrade --force", 1))
	m.want("readlink /opt/cni/bin/tap /usr/libexec/cni/tap", rpmPlugin+"\n"+rpmPlugin+"\n")
	m.run(removeRpm)
	if after := m.plugins(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// RPM has nothing to put another's file aside: it stays, and who installs is told.
func TestRpmLeavesAStrangersFileAlone(t *testing.T) {
	m := newMachine(t)
	m.run("mkdir -p /usr/libexec/cni; echo a stranger >/usr/libexec/cni/tap")
	if says := m.run(installRpm + " 2>&1"); !strings.Contains(says, "/usr/libexec/cni/tap was there and was left as it is") {
		t.Errorf("it says\n%s", says)
	}
	m.want("cat /usr/libexec/cni/tap; readlink /opt/cni/bin/tap", "a stranger\n"+rpmPlugin+"\n")
	m.run(removeRpm)
	m.want("cat /usr/libexec/cni/tap; ls /opt/cni/bin 2>/dev/null || true", "a stranger\n")
}
