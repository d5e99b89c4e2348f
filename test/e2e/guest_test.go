package e2e

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
	"tap/test/netns"
)

// Owner alone and group alone each let in exactly whom they should; both must match.
func TestAttachOwnerAndGroup(t *testing.T) {
	for _, c := range []struct {
		name         string
		keys         m
		in, out      []harness.Attach
		outEvenRight []harness.Attach // refused for another reason than the user
	}{
		{
			name: "owner", keys: m{"owner": 64001},
			in:  []harness.Attach{{User: 64001, Group: 64001}, {User: 64001, Group: 64009}},
			out: []harness.Attach{{User: 64003, Group: 64001}, {User: 64003, Group: 64003, Groups: "64001"}},
		},
		{
			name: "group", keys: m{"group": 64002},
			in:  []harness.Attach{{User: 64001, Group: 64002}, {User: 64009, Group: 64009, Groups: "64002"}},
			out: []harness.Attach{{User: 64002, Group: 64009}},
		},
		{
			name: "owner and group", keys: owned(),
			in:  []harness.Attach{{User: 64001, Group: 64002}, {User: 64001, Group: 64009, Groups: "64008,64002"}},
			out: []harness.Attach{{User: 64001, Group: 64009}, {User: 64009, Group: 64002}, {User: 64009, Group: 64009}},
		},
		{
			name: "root, without any capability", keys: m{"owner": 0},
			in: []harness.Attach{{User: 0, Group: 64009}}, out: []harness.Attach{{User: 64001, Group: 0}},
		},
		{
			name: "neither", keys: m{},
			in: []harness.Attach{{User: 64001, Group: 64002}, {User: 64009, Group: 64009}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := harness.NewHost(t)
			host.Run("ADD", "net1", conf(t, c.keys)).WantOK()
			before := host.Snapshot()
			for _, a := range c.in {
				host.Attach(a).WantAttached()
			}
			for _, a := range c.out {
				host.Attach(a).WantRefused("EPERM")
			}
			host.WantSame(before)
		})
	}
}

func TestAttachQueues(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "single", conf(t, owned())).WantOK()
	host.Run("ADD", "multi", conf(t, owned(), m{"multiQueue": true})).WantOK()
	as := func(tap string, queues int, multi bool) harness.Attach {
		return harness.Attach{Tap: tap, User: 64001, Group: 64002, Queues: queues, MultiQueue: multi}
	}
	host.Attach(as("single", 1, false)).WantAttached()
	host.Attach(as("single", 4, true)).WantRefused("EINVAL")
	host.Attach(as("multi", 4, true)).WantAttached()
	host.Attach(as("multi", 1, true)).WantAttached()
	host.Attach(as("multi", 1, false)).WantRefused("EINVAL")
}

// Whoever waits for the plugin's end can attach to a single-queue tap at once.
func TestAttachRightAfterExit(t *testing.T) {
	host := harness.NewHost(t)
	for range 50 {
		host.Run("ADD", "net1", conf(t, owned())).WantOK()
		queue := host.OpenTap("net1", 0)
		if err := unix.Close(queue); err != nil {
			t.Fatal(err)
		}
		host.Run("DEL", "net1", conf(t)).WantOK()
	}
}

// An unprivileged user's guest exchanges traffic with the pod, in both
// directions, on both IP versions, with one and with four queues.
func TestGuestTraffic(t *testing.T) {
	for _, queues := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d queues", queues), func(t *testing.T) {
			host := harness.NewHost(t)
			config := conf(t, owned(), hostLocal(), m{"multiQueue": queues > 1})
			added := host.Run("ADD", "net1", config).WantOK()
			vm := host.StartVM("-tap", "net1", "-user", "64001", "-group", "64002", "-queues", fmt.Sprint(queues),
				"-mac", "02:00:00:00:00:09", "-addr", "10.1.0.9/24", "-addr", "2001:db8::9/64", "-gateway", "10.1.0.2", "-gateway", "2001:db8::2")
			wantUnprivileged(t, vm.Pid())
			for _, to := range []struct {
				from *netns.Netns
				addr string
			}{{host.Pod, "10.1.0.9"}, {host.Pod, "2001:db8::9"}, {vm.NS, "10.1.0.2"}, {vm.NS, "2001:db8::2"}} {
				if out, err := to.from.Output("ping", "-c", "3", "-i", "0.2", "-W", "5", to.addr); err != nil {
					t.Errorf("ping %s: %v\n%s", to.addr, err, out)
				}
			}
			sendIntact(t, host.Pod, vm.NS, "10.1.0.9")
			sendIntact(t, vm.NS, host.Pod, "2001:db8::2")
			if queues > 1 {
				if got := host.MustDevice("net1").Details.Data.Queues; got != queues {
					t.Errorf("%d queues are attached, want %d", got, queues)
				}
			}
			host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
			host.Run("DEL", "net1", config).WantOK()
		})
	}
}

// wantUnprivileged looks at the process that holds the pod's tap.
func wantUnprivileged(t *testing.T, pid int) {
	t.Helper()
	parent := parentOf(t, pid)
	status := harness.ReadFile(t, filepath.Join("/proc", parent, "status"))
	for _, line := range []string{"Uid:\t64001\t64001\t64001\t64001", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(status, line) {
			t.Errorf("the VMM's process has not %q:\n%s", line, status)
		}
	}
}

func parentOf(t *testing.T, pid int) string {
	t.Helper()
	for line := range strings.Lines(harness.ReadFile(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if parent, ok := strings.CutPrefix(line, "PPid:"); ok {
			return strings.TrimSpace(parent)
		}
	}
	t.Fatalf("process %d has no parent", pid)
	return ""
}

// sendIntact sends 20 MB over TCP and compares what arrives.
func sendIntact(t *testing.T, from, to *netns.Netns, addr string) {
	t.Helper()
	sendIntactly(t, from, to, addr, 20_000_000)
}

func sendIntactly(t *testing.T, from, to *netns.Netns, addr string, size int64) {
	t.Helper()
	listener, err := to.Listen(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	received := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			received <- err.Error()
			return
		}
		defer conn.Close()
		hash := sha256.New()
		n, err := io.Copy(hash, conn)
		received <- fmt.Sprint(n, err, hex.EncodeToString(hash.Sum(nil)))
	}()
	conn, err := from.Dial(t.Context(), listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(conn, sum), &changing{}, size); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := <-received, fmt.Sprint(size, nil, hex.EncodeToString(sum.Sum(nil))); got != want {
		t.Errorf("to %s\n got %s\nwant %s", addr, got, want)
	}
}

// changing is a file without end in which no two blocks are alike.
type changing struct{ blocks uint64 }

func (c *changing) Read(block []byte) (int, error) {
	for i := 0; i+8 <= len(block); i += 8 {
		c.blocks += 0x9e3779b97f4a7c15 // odd, so it takes every value
		binary.NativeEndian.PutUint64(block[i:], c.blocks)
	}
	return len(block) &^ 7, nil
}
