package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"tap/test/netns"
)

// mortal is a pod whose namespace nothing but its file holds, and the plugins that
// have opened it. A number that the node gives it tells when it is gone.
func (m *machine) mortal(number int) *pod {
	m.t.Helper()
	ns, err := netns.New()
	m.Must(err)
	defer ns.Close()
	p := &pod{id: fmt.Sprintf("%s-mortal%d", m.network, number), ns: ns}
	p.path = filepath.Join(m.dir, p.id)
	m.Must(bind(ns, p.path))
	m.t.Cleanup(func() {
		if _, err := os.Stat(p.path); err == nil { // of a test that failed
			_ = unbind(p.path)
		}
	})
	file, err := os.Open(ns.Path())
	m.Must(err)
	defer file.Close()
	m.Must(m.Node.Do(func() error { return netlink.SetNetNsIdByFd(int(file.Fd()), number) }))
	return p
}

// wantGone waits until the kernel has taken the namespace down, with all that was
// in it: nothing holds it any more.
func (m *machine) wantGone(number int) {
	m.t.Helper()
	m.eventually(fmt.Sprintf("the namespace with the number %d is gone", number), func() bool {
		out, err := m.Node.Output("ip", "netns", "list-id")
		m.Must(err)
		return !strings.Contains(out, fmt.Sprintf("nsid %d ", number))
	})
}

// The last reference to the namespace goes at any moment of ADD: an error or
// success, and a namespace that ends with all its devices.
func TestAddBesideTheEndOfItsNamespace(t *testing.T) {
	t.Parallel()
	m, random := newMachine(t, 0), random(t)
	added := 0
	for i := range rounds(48, 0.1) {
		number := i + 1
		a := m.sorts(m.mortal(number))[i%4]
		p := m.start("ADD", a)
		time.Sleep(time.Duration(random.Int64N(int64(15 * milliseconds))))
		m.Must(unbind(a.pod.path))
		switch o := m.wait(p); {
		case o.ok():
			added++
		case o.code() == 0:
			t.Errorf("seed %d, round %d: %v", *seed, i, o)
		}
		m.wantGone(number)
		if i%2 == 0 {
			m.must("DEL", a) // which releases the address
		} else {
			m.must("DEL", m.elsewhere(a))
		}
		m.account(fmt.Sprintf("seed %d, round %d", *seed, i), nil)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d ADDs succeeded in a namespace that was about to end", added)
}

// elsewhere is the attachment as a runtime knows it that was told that the namespace is gone.
func (m *machine) elsewhere(a *attachment) *attachment {
	return &attachment{pod: &pod{id: a.pod.id}, ifname: a.ifname, conf: a.conf}
}

// The same with DEL.
func TestDelBesideTheEndOfItsNamespace(t *testing.T) {
	t.Parallel()
	m, random := newMachine(t, 0), random(t)
	for i := range rounds(24, 0.1) {
		number := i + 1
		a := m.sorts(m.mortal(number))[i%4]
		m.must("ADD", a)
		p := m.start("DEL", a)
		time.Sleep(time.Duration(random.Int64N(int64(10 * milliseconds))))
		m.Must(unbind(a.pod.path))
		if o := m.wait(p); !o.ok() {
			t.Errorf("seed %d, round %d: %v", *seed, i, o)
		}
		m.wantGone(number)
		m.account(fmt.Sprintf("seed %d, round %d", *seed, i), nil)
		if t.Failed() {
			return
		}
	}
}

// While IPAM works the namespace goes, and another one takes its path: nothing of
// the attachment gets into that one, or into the plugin's own.
func TestAddWhoseNamespaceIsReplacedWhileIPAMWorks(t *testing.T) {
	t.Parallel()
	m := newMachine(t, 1)
	for i, keys := range [][]object{{}, {egress}, {egress, queues}} {
		number := i + 1
		gate := filepath.Join(m.dir, fmt.Sprintf("gate%d", i))
		ipam := m.fake(object{
			"wait": object{"ADD": gate},
			"ips":  []any{object{"address": "192.0.2.2/24"}, object{"address": "2001:db8::2/64"}},
		})
		a := m.attachment(m.mortal(number), "net1", append(keys, ipam)...)
		p := m.start("ADD", a)
		m.eventually("IPAM is asked", func() bool { return m.asked("ADD") == i+1 })
		m.Must(unbind(a.pod.path))
		m.Must(bind(m.pods[0].ns, a.pod.path))
		m.Must(os.WriteFile(gate, nil, 0o600))
		if o := m.wait(p); !o.ok() && o.code() == 0 {
			t.Errorf("%v", o)
		}
		m.wantGone(number)
		m.accountDevices("after ADD", nil)
		m.must("DEL", a)
		m.account("after DEL", nil)
		m.Must(unbind(a.pod.path))
	}
}
