package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tap/test/harness"
)

// asRedirector has the host run the plugin under the name of the one that it replaces.
func (h *takeover) asRedirector() {
	h.t.Helper()
	link := filepath.Join(h.t.TempDir(), "tc-redirect-tap")
	h.Must(os.Symlink(h.Plugin, link))
	h.Plugin = link
}

// A configuration made for tc-redirect-tap has no key of ours.
func TestRedirectUnderTheOtherName(t *testing.T) {
	for _, c := range []struct {
		name string
		keys m
		args string
		want string
	}{
		{"no arguments", nil, "", "tap-eth0, 0:0, false, 1000, 1500"},
		{"all arguments", nil, "TC_REDIRECT_TAP_NAME=vm1;TC_REDIRECT_TAP_UID=64003;TC_REDIRECT_TAP_GID=64004", "vm1, 64003:64004, false, 1000, 1500"},
		{"arguments of others", nil, "IgnoreUnknown=0;K8S_POD_NAME=a;TC_REDIRECT_TAP_UID=64003", "tap-eth0, 64003:0, false, 1000, 1500"},
		{"our keys", m{"owner": 64001, "tapName": "vm0", "multiQueue": true}, "", "vm0, 64001:0, true, 1000, 1500"},
		{"redirect written out", m{"redirect": true}, "", "tap-eth0, 0:0, false, 1000, 1500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.asRedirector()
			config, env := conf(t, handed(), m{"type": "tc-redirect-tap"}, c.keys), "CNI_ARGS="+c.args
			added := h.Run("ADD", "eth0", config, env).WantOK()
			if got := brief(h.MustDevice(tapOf(added))); got != c.want {
				t.Errorf("tap\n got %s\nwant %s", got, c.want)
			}
			h.Run("CHECK", "eth0", h.WithPrev(config, added), env).WantOK()
			h.Run("DEL", "eth0", config, env).WantOK()
			h.wantAsBefore()
		})
	}
}

func TestRedirectUnderTheOtherNameCanBeOff(t *testing.T) {
	h := newTakeover(t)
	h.asRedirector()
	config := conf(t, handed(), m{"redirect": false, "tapName": "net1"})
	h.Run("ADD", "eth0", config).WantOK()
	h.wantAnswers(true)
	h.Run("DEL", "eth0", config).WantOK()
	h.wantAsBefore()
}

// The tap belongs to the user and the group that the plugin runs as, which need not be root.
func TestRedirectUnderTheOtherNameAsAnotherUser(t *testing.T) {
	h := newTakeover(t)
	program := filepath.Join(harness.OpenDir(t), "tc-redirect-tap")
	h.Must(copyProgram(program, h.Plugin))
	h.Plugin = program
	as := func(verb string) *exec.Cmd {
		// The last two capabilities are for CNI_NETNS, which is in this process's /proc/PID/fd.
		const capabilities = "+net_admin,+sys_admin,+sys_ptrace,+dac_read_search"
		return under(h.Command(verb, "eth0", conf(t, handed())), openTun+`
			exec setpriv --reuid 64001 --regid 64002 --clear-groups --inh-caps `+capabilities+" --ambient-caps "+capabilities+` "$0"`, "-m")
	}
	added := h.Finish(as("ADD")).WantOK()
	if got, want := brief(h.MustDevice(tapOf(added))), "tap-eth0, 64001:64002, false, 1000, 1500"; got != want {
		t.Errorf("tap\n got %s\nwant %s", got, want)
	}
	h.Finish(as("DEL")).WantOK()
	h.wantAsBefore()
}

func copyProgram(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
