package netdev

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

func TestRetry(t *testing.T) {
	interrupted, lost := fmt.Errorf("list: %w", errDumpInterrupted), fmt.Errorf("list: %w: %w", errNoReply, unix.ENOBUFS)
	tests := []struct {
		name     string
		fails    int // the number of attempts that fail
		with     error
		want     error
		attempts int
	}{
		{"success", 0, nil, nil, 1},
		{"interrupted once", 1, interrupted, nil, 2},
		{"interrupted 19 times", 19, interrupted, nil, 20},
		{"interrupted always", 100, interrupted, errDumpInterrupted, 20},
		{"lost once", 1, lost, nil, 2},
		{"lost always", 100, lost, unix.ENOBUFS, 20},
		{"truncated once", 1, errTruncated, nil, 2},
		{"another error", 100, unix.EPERM, unix.EPERM, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			attempts := 0
			err := retry(func() error {
				if attempts++; attempts <= tt.fails {
					return tt.with
				}
				return nil
			})
			if !errors.Is(err, tt.want) || attempts != tt.attempts {
				t.Errorf("retry\nwant %v, %d attempts\ngot  %v, %d attempts", tt.want, tt.attempts, err, attempts)
			}
		})
	}
}

func dial(t *testing.T) *Conn {
	t.Helper()
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A reply that is not queued when the request was sent will never come.
func TestLostReplyIsAnErrorAtOnce(t *testing.T) {
	c := dial(t)
	if _, err := c.receive(); !errors.Is(err, errNoReply) || !errors.Is(err, unix.EAGAIN) {
		t.Errorf("receive without a request\nwant %v\ngot  %v", errNoReply, err)
	}
}

// The kernel rejects a dump while another one on the same socket is not read to its end.
func TestReadAfterAReplyThatWasNotRead(t *testing.T) {
	c := dial(t)
	fd, seen := c.fd, 0
	dump := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	dump.AddData(&nl.RtMsg{})
	err := c.read(dump, unix.RTM_NEWROUTE, nothing, func([]byte) bool { seen++; return false })
	if err != nil || seen != 1 {
		t.Fatalf("read that needs one message\nwant one, no error\ngot  %d, %v", seen, err)
	}
	if link, err := c.LinkByName("lo"); err != nil || link.Name != "lo" {
		t.Errorf("LinkByName\nwant lo\ngot  %v, %v", link, err)
	}
	if c.fd == fd && c.unread {
		t.Error("socket with an unread reply\nwant a new one\ngot  the same")
	}
}

func TestReadAfterALostReply(t *testing.T) {
	c := dial(t)
	if _, err := c.receive(); !errors.Is(err, errNoReply) {
		t.Fatal(err)
	}
	c.unread = true // as receiveReply notes
	if link, err := c.LinkByName("lo"); err != nil || link.Name != "lo" || c.unread {
		t.Errorf("LinkByName on a new socket\nwant lo\ngot  %v, %v, unread %v", link, err, c.unread)
	}
}

func TestReadGrowsTheBuffer(t *testing.T) {
	c := dial(t)
	c.buffer = make([]byte, 100) // smaller than a device
	link, err := c.LinkByName("lo")
	if err != nil || link.Name != "lo" || len(c.buffer) <= 100 {
		t.Errorf("LinkByName with a small buffer\nwant lo, a larger buffer\ngot  %v, %v, %d bytes", link, err, len(c.buffer))
	}
}

func TestOtherProcessesCannotSendToTheSocket(t *testing.T) {
	c := dial(t)
	name, err := unix.Getsockname(c.fd)
	if err != nil {
		t.Fatal(err)
	}
	other, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other) //nolint:errcheck // nothing was written
	err = unix.Sendto(other, make([]byte, unix.SizeofNlMsghdr), 0, name)
	if !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.EPERM) {
		t.Errorf("send to the socket of a Conn\nwant %v\ngot  %v", unix.ECONNREFUSED, err)
	}
}

func TestStopWhen(t *testing.T) {
	c := dial(t)
	stop := errors.New("stop")
	c.StopWhen(func() error { return stop })
	if _, err := c.LinkByName("lo"); !errors.Is(err, stop) {
		t.Errorf("LinkByName\nwant %v\ngot  %v", stop, err)
	}
	c.StopWhen(nil)
	if _, err := c.LinkByName("lo"); err != nil {
		t.Errorf("LinkByName\nwant no error\ngot  %v", err)
	}
}

func TestReadEndsInTime(t *testing.T) {
	c := dial(t)
	c.readEnd = time.Now().Add(-time.Second)
	if _, err := c.receive(); !errors.Is(err, errTimeout) {
		t.Errorf("receive after the end of the read\nwant %v\ngot  %v", errTimeout, err)
	}
}

func TestReopenLeaksNoDescriptor(t *testing.T) {
	c := dial(t)
	before := descriptors(t)
	for range 5 {
		if err := c.reopen(); err != nil {
			t.Fatal(err)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("number of descriptors\nwant %d\ngot  %d", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestLists(t *testing.T) {
	c := dial(t)
	lo, err := c.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	loopback := 0
	err = c.Addresses(lo.Index, func(addr net.IPNet) {
		if addr.IP.IsLoopback() {
			loopback++
		}
	})
	if err != nil {
		t.Errorf("Addresses\nwant no error\ngot  %v", err)
	}
	want, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := want.Addrs()
	if err != nil || loopback != len(addrs) {
		t.Errorf("addresses of lo\nwant %v\ngot  %d, %v", addrs, loopback, err)
	}
	if err := c.Routes(func(RouteEntry) {}); err != nil {
		t.Errorf("Routes\nwant no error\ngot  %v", err)
	}
	if links, err := c.Links("tun", func(*Link) bool { return false }); err != nil || len(links) != 0 {
		t.Errorf("Links\nwant none that is kept, no error\ngot  %v, %v", links, err)
	}
}

func TestNotFound(t *testing.T) {
	if err := notFound(unix.ENODEV); !errors.Is(err, ErrNotFound) || !errors.Is(err, unix.ENODEV) {
		t.Errorf("notFound(ENODEV)\nwant %v and ENODEV in the chain\ngot  %v", ErrNotFound, err)
	}
	for _, other := range []error{nil, unix.EPERM} {
		if err := notFound(other); !errors.Is(err, other) || errors.Is(err, ErrNotFound) {
			t.Errorf("notFound(%v)\nwant it unchanged\ngot  %v", other, err)
		}
	}
}
