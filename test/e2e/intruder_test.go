package e2e

import (
	"bytes"
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// An intruder in the namespace attaches as often as it can: no ADD ends in
// success with a queue that is not its owner's, and a failed one leaves no device.
func TestIntruderNeverKeepsAQueue(t *testing.T) {
	host := harness.NewHost(t)
	intruder := host.StartGuest("intrude", "-netns", host.Pod.Path(), "-tap", "net1", "-user", "64009", "-group", "64009")
	config := conf(t, owned(), m{"multiQueue": true})
	won, lost := 0, 0
	for range 500 {
		got := host.Run("ADD", "net1", config)
		if got.Exit != 0 {
			got.WantError(codeTryLater, "attached")
			lost++
			if d, there := host.Device("net1"); there {
				t.Fatalf("a failed ADD left %+v", d)
			}
			continue
		}
		won++
		if d := host.MustDevice("net1").Details.Data; d.Queues != 0 || d.User != "64001" || d.Group != "64002" {
			t.Fatalf("success with a foreign queue: %+v", d)
		}
		host.Run("DEL", "net1", config).WantOK()
	}
	if lost == 0 {
		t.Error("the intruder never got in: the test shows nothing")
	}
	last, err := intruder.CloseStdin()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d ADDs succeeded, %d were refused; the intruder attached %v times", won, lost, last["attached"])
}

// One that changes the device and leaves at once cannot be seen; nothing of what
// it changed stays. strace holds the plugin up between making the device and
// setting its owner, so that the intruder is sure to come and go.
func TestIntruderLeavesNothingBehind(t *testing.T) {
	host := harness.NewHost(t)
	intruder := host.StartGuest("intrude", "-meddle", "-netns", host.Pod.Path(), "-tap", "net1", "-user", "64009", "-group", "64009")
	config := conf(t, owned(), m{"multiQueue": true})
	for range 3 {
		cmd := host.Command("ADD", "net1", config)
		strace(cmd, filepath.Join(t.TempDir(), "strace"), "-e", "trace=ioctl", "-e", "inject=ioctl:delay_enter=50000")
		added := host.Finish(cmd).WantOK()
		host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
		if mac := host.MustDevice("net1").MAC; mac == "02:66:66:66:66:66" || mac == "" {
			t.Errorf("the device has the intruder's MAC address: %q", mac)
		}
		queue := host.OpenTap("net1", unix.IFF_MULTI_QUEUE)
		if !frameArrives(t, host, queue) {
			t.Error("no frame reaches the queue of who attaches")
		}
		if err := unix.Close(queue); err != nil {
			t.Error(err)
		}
		host.Run("DEL", "net1", config).WantOK()
	}
	last, err := intruder.CloseStdin()
	if err != nil {
		t.Fatal(err)
	}
	if attached, _ := last["attached"].(float64); attached < 3 {
		t.Errorf("the intruder attached %v times: the test shows nothing", last["attached"])
	}
}

// frameArrives sends a frame out of net1 until it is seen in a queue: the kernel
// takes the carrier of the queue note in its own time, and loses frames before.
func frameArrives(t *testing.T, host *harness.Host, queue int) bool {
	t.Helper()
	frame := make([]byte, 60)
	copy(frame, []byte{0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5}) // IEEE Std 802, local experimental
	got := make([]byte, 2048)
	for range 50 {
		host.Must(send(host, frame))
		ready := []unix.PollFd{{Fd: int32(queue), Events: unix.POLLIN}}
		for {
			n, err := unix.Poll(ready, 100)
			if n <= 0 || err != nil {
				break // nothing yet: send again
			}
			n, err = unix.Read(queue, got)
			host.Must(err)
			if bytes.Equal(got[:n], frame) {
				return true
			}
		}
	}
	return false
}

func send(host *harness.Host, frame []byte) error {
	return host.Pod.Do(func() error {
		device, err := net.InterfaceByName("net1")
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd) //nolint:errcheck // sent is sent
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: device.Index})
	})
}
