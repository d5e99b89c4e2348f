package hostile

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// beGuest opens a tap as a VMM does: guest TAP. It sends each line of standard input as a frame, and prints each frame that it receives
// as a line.
func beGuest(args []string, ready func(), _ <-chan struct{}) (report, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	req, err := unix.NewIfreq(args[0])
	if err != nil {
		return nil, err
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return nil, fmt.Errorf("attach to %s: %w", args[0], err)
	}
	ready()
	go func() {
		frame := make([]byte, 1<<16)
		for {
			n, err := unix.Read(fd, frame)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return // the tap was deleted
			}
			fmt.Printf("%x\n", frame[:n])
		}
	}()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		frame, err := hex.DecodeString(lines.Text())
		if err != nil {
			return nil, err
		}
		if _, err := unix.Write(fd, frame); err != nil {
			return nil, fmt.Errorf("send: %w", err)
		}
	}
	return nil, lines.Err()
}

// The user that may open the taps of this package.
const guestUser, guestGroup = 64001, 64002

// owned restricts the tap to the guest.
var owned = m{"owner": guestUser, "group": guestGroup}

// guest is a running guest behind a tap of the pod.
type guest struct {
	*attacker
	mutex    sync.Mutex
	received [][]byte
}

// guest starts a guest without capabilities behind a tap, as the user guestUser.
func (p *pod) guest(tap string) *guest {
	p.t.Helper()
	harness.NeedUsers(p.t)
	g := &guest{attacker: startAttacker(p.t, exec.Command(harness.Bin(p.t, "guest"), "exec", "-netns", p.Pod.Path(),
		"-user", fmt.Sprint(guestUser), "-group", fmt.Sprint(guestGroup), selfPath, attackerArg, "guest", tap))}
	g.waitReady()
	go func() {
		lines := bufio.NewScanner(g.out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			frame, err := hex.DecodeString(lines.Text())
			if err != nil {
				return // the report at the end
			}
			g.mutex.Lock()
			g.received = append(g.received, frame)
			g.mutex.Unlock()
		}
	}()
	p.awaitCarrier(tap)
	return g
}

// awaitCarrier waits until the kernel has noticed that the tap is open.
func (p *pod) awaitCarrier(tap string) {
	p.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if slices.Contains(p.MustDevice(tap).Flags, "LOWER_UP") {
			return
		}
	}
	p.t.Fatalf("%s has no carrier", tap)
}

// send sends frames out of the guest.
func (g *guest) send(frames ...[]byte) {
	g.t.Helper()
	for _, frame := range frames {
		if _, err := fmt.Fprintf(g.in, "%x\n", frame); err != nil {
			g.fail(err)
		}
	}
}

// frames returns the frames that the guest has received.
func (g *guest) frames() [][]byte {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return slices.Clone(g.received)
}

// answered sends a frame several times within a second, and reports whether the guest has received a frame for which is holds since.
func (g *guest) answered(frame []byte, is func(frame []byte) bool) bool {
	g.t.Helper()
	before := len(g.frames())
	for range 10 {
		g.send(frame)
		time.Sleep(100 * time.Millisecond)
		if slices.ContainsFunc(g.frames()[before:], is) {
			return true
		}
	}
	return false
}

// wantNoFrames fails if the guest has received frames.
func wantNoFrames(t *testing.T, g *guest, what string) {
	t.Helper()
	frames := g.frames()
	t.Logf("%s: %d frames, bound 0", what, len(frames))
	if len(frames) == 0 {
		return
	}
	var shown []string
	for _, frame := range frames[:min(4, len(frames))] {
		shown = append(shown, fmt.Sprintf("%x", frame[:min(80, len(frame))]))
	}
	t.Errorf("%s: the pod sent %d frames to the guest, among them\n%s", what, len(frames), strings.Join(shown, "\n"))
}
