package hostile

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// floodRounds returns how often each verb runs under a flood: whether it loses an answer is chance.
func floodRounds() int {
	if full() {
		return 100
	}
	return 3
}

// wantFlooded fails if the floods of a test sent nothing to a port of a verb: the test then shows nothing. The plugin may refuse what is
// sent.
func wantFlooded(t *testing.T, floods ...report) {
	t.Helper()
	tried := int64(0)
	for _, did := range floods {
		t.Logf("flood: %v", did)
		tried += did["tried"]
	}
	if tried == 0 {
		t.Error("no flood reached a port")
	}
}

// TestFlood shows that the flood makes an ordinary socket lose messages.
func TestFlood(t *testing.T) {
	p := newPod(t)
	victim := -1
	p.Must(p.Pod.Do(func() error {
		var err error
		if victim, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE); err != nil {
			return err
		}
		return unix.Bind(victim, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}))
	defer unix.Close(victim) //nolint:errcheck // nothing is buffered
	flood := p.attack("flood")
	time.Sleep(200 * time.Millisecond)
	did := flood.stop()
	wantFlooded(t, did)
	_, _, err := unix.Recvfrom(victim, make([]byte, 16), unix.MSG_DONTWAIT)
	if did["overflowed"] == 0 && !errors.Is(err, unix.ENOBUFS) {
		t.Errorf("the socket lost no message: %v, receive: %v", did, err)
	}
}

func TestFloodGC(t *testing.T) {
	var floods []report
	for range floodRounds() {
		p := newPod(t)
		dir := t.TempDir()
		wantInnocentsCollected := p.bindAmongInnocents(dir)
		p.Run("ADD", "net1", conf(t, limited)).WantOK()
		flood := p.attack("flood")
		p.collect(dir).WantOK()
		floods = append(floods, flood.stop())
		wantNoDevice(t, p.Pod, "net1")
		wantInnocentsCollected()
	}
	wantFlooded(t, floods...)
}

var floodedKeys = []struct {
	name string
	keys m
}{{"plain", m{}}, {"limited", limited}, {"addressed", fake(m{})}}

func TestFloodDel(t *testing.T) {
	for _, c := range floodedKeys[:2] {
		keys := c.keys
		t.Run(c.name, func(t *testing.T) {
			var floods []report
			for range floodRounds() {
				p := newPod(t)
				p.Run("ADD", "net1", conf(t, keys)).WantOK()
				flood := p.attack("flood")
				p.run("DEL", "net1", conf(t, keys)).WantOK()
				floods = append(floods, flood.stop())
				wantNoDevice(t, p.Pod, "net1")
			}
			wantFlooded(t, floods...)
		})
	}
}

func TestFloodAdd(t *testing.T) {
	for _, c := range floodedKeys {
		keys := c.keys
		t.Run(c.name, func(t *testing.T) {
			p := newPod(t)
			before := p.Snapshot()
			flood := p.attack("flood")
			for range 2 * floodRounds() {
				added := p.run("ADD", "net1", conf(t, keys))
				flood.pause(func() { wantAllOrNothing(p, added, "net1") })
				p.run("DEL", "net1", conf(t, keys)).WantOK()
			}
			wantFlooded(t, flood.stop())
			p.WantSame(before)
		})
	}
}

// wantAllOrNothing fails unless ADD succeeded, or failed with an error object and left no device.
func wantAllOrNothing(p *pod, added harness.Ended, device string) {
	p.t.Helper()
	if added.Exit == 0 {
		p.MustDevice(device)
		return
	}
	if !strings.Contains(added.Stdout, `"code"`) {
		p.t.Errorf("ADD failed without an error object: %q", added.Stdout)
	}
	wantNoDevice(p.t, p.Pod, device)
}

func TestFloodRedirect(t *testing.T) {
	p := newPod(t)
	p.wire()
	config := p.redirect()
	before := p.Snapshot()
	flood := p.attack("flood")
	for range 2 * floodRounds() {
		added := p.run("ADD", "eth0", config)
		flood.pause(func() { wantAllOrNothing(p, added, "tap-eth0") })
		p.run("DEL", "eth0", config).WantOK()
	}
	wantFlooded(t, flood.stop())
	p.WantSame(before)
}

func TestFloodCheckAndStatus(t *testing.T) {
	p := newPod(t)
	added := p.Run("ADD", "net1", conf(t, limited)).WantOK()
	p.prepare("links", "500", "net1") // CHECK lists devices, and is exposed for longer
	flood := p.attack("flood")
	for range 4 * floodRounds() {
		p.run("CHECK", "net1", p.WithPrev(conf(t, limited), added)).WantOK()
		p.run("STATUS", "", conf(t), "CNI_CONTAINERID=", "CNI_NETNS=").WantOK() // it uses a namespace of its own
	}
	wantFlooded(t, flood.stop())
}
