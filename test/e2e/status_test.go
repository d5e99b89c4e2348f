package e2e

import (
	"os/exec"
	"testing"

	"tap/test/harness"
)

func TestStatus(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	for _, keys := range []m{
		{}, hostLocal(), owned(), limited, {"multiQueue": true}, {"bridge": "br0", "isolated": true}, {"mtu": 9000, "mac": "02:00:00:00:00:01"},
		{"tapName": "tap0", "bridge": "br0", "promiscMode": true, "allmulti": true, "txQueueLen": 5},
	} {
		if got := host.Run("STATUS", "", conf(t, keys)).WantOK(); got.Stdout != "" || got.Stderr != "" {
			t.Errorf("STATUS of %v printed %s%s", keys, got.Stdout, got.Stderr)
		}
	}
	host.Run("STATUS", "", conf(t, m{"mtu": 1})).WantError(codeNotAvailable, "mtu")
	host.Run("STATUS", "", conf(t, m{"ipam": m{"type": "nobody"}})).WantError(codeNotAvailable, "nobody", harness.BinDir(t), "install")
	host.Run("STATUS", "", conf(t, m{"cniVersion": "1.0.0"})).WantError(1)
	host.WantSame(before)
}

func TestStatusOfIPAM(t *testing.T) {
	host := harness.NewHost(t)
	fails := func(code int) string {
		return conf(t, fake(m{"fail": m{"STATUS": m{"code": code, "msg": "unknown, or not ready", "details": "fill the pool"}}}))
	}
	host.Run("STATUS", "", conf(t, fake())).WantOK()
	host.Run("STATUS", "", fails(codeNotAvailable)).WantError(codeNotAvailable, "not ready", "fill the pool")
	host.Run("STATUS", "", fails(codeLimited)).WantError(codeLimited, "not ready")
	host.Run("STATUS", "", fails(999)).WantError(codeNotAvailable, "not ready")
	host.Run("STATUS", "", fails(codeEnvironment)).WantOK() // it has no STATUS
	host.Run("STATUS", "", fails(1)).WantOK()               // it does not know the version
}

// openTun is a script for a mount namespace of its own. It replaces /dev/net/tun by a node that everybody can open, as udev makes
// it on ordinary hosts; the tests' machine has one for root only.
const openTun = `mount -t tmpfs none /dev/net; mknod /dev/net/tun c 10 200; chmod 0666 /dev/net/tun`

// under runs the plugin's command at the end of a shell script that takes
// something away, in namespaces of the script's own.
func under(cmd *exec.Cmd, script string, unshare ...string) *exec.Cmd {
	path, err := exec.LookPath("unshare")
	if err != nil {
		path = "unshare" // Start says it
	}
	args := append([]string{"unshare"}, unshare...)
	cmd.Path, cmd.Args = path, append(args, "sh", "-ec", script+`; exec "$0"`, cmd.Path)
	return cmd
}

// What an ADD would lack, STATUS names, with the command that mends it.
func TestStatusWhatAddWouldLack(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		unshare []string
		keys    m
		says    []string
	}{
		"device node": {"mount -t tmpfs none /dev/net", []string{"-m"}, m{}, []string{"open /dev/net/tun", "modprobe tun"}},
		"driver":      {"mount --bind /dev/null /dev/net/tun", []string{"-m"}, m{}, []string{"TUNGETFEATURES"}},
		"no mapping of the owner": {
			"true", []string{"-U", "-r", "-n"}, m{"owner": 5}, []string{"TUNSETOWNER 5"},
		},
		"CAP_NET_ADMIN": {
			`exec setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$0"`, nil, m{}, []string{"TUNSETIFF", "CAP_NET_ADMIN"},
		},
		"CAP_SYS_ADMIN": {
			`exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$0"`, nil, m{}, []string{"enter network namespace", "CAP_SYS_ADMIN"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			cmd := under(host.Command("STATUS", "", conf(t, c.keys)), c.script, c.unshare...)
			host.Finish(cmd).WantError(codeNotAvailable, c.says...)
		})
	}
}

// A host that is short of namespaces is no reason to give up the node.
func TestStatusWithoutRoomForATrial(t *testing.T) {
	host := harness.NewHost(t)
	cmd := host.Command("STATUS", "", conf(t, fake()))
	got := host.Finish(under(cmd, "echo 0 >/proc/sys/user/max_net_namespaces", "-U", "-r")).WantOK()
	wantText(t, got.Stderr, "STATUS could not create a trial namespace")
	if verbs := host.Verbs(); verbs != "STATUS" {
		t.Errorf("IPAM was asked to %s", verbs)
	}
}

// VERSION needs no configuration.
func TestVersion(t *testing.T) {
	host := harness.NewHost(t)
	got := host.Run("VERSION", "", "").WantOK()
	for _, version := range []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		wantText(t, got.Stdout, `"`+version+`"`)
	}
}
