// Package netns makes network namespaces that nobody has to clean up: they live
// as long as this process holds them open.
package netns

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Netns is an open network namespace.
type Netns struct{ file *os.File }

// New makes an empty namespace.
func New() (*Netns, error) {
	ns := &Netns{}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := setDefaults(); err != nil {
			return err
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		ns.file = file
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return ns, nil
}

// setDefaults gives the calling thread's namespace the kernel's own settings of IPv4. A new namespace has those of the machine, which a
// distribution or another program may have changed (Linux 6.12, net/ipv4/devinet.c, devinet_init_net).
func setDefaults() error {
	for _, scope := range []string{"all", "default"} {
		for _, name := range []string{"forwarding", "rp_filter", "arp_filter", "arp_announce", "arp_ignore", "proxy_arp", "accept_local", "promote_secondaries"} {
			path := "/proc/sys/net/ipv4/conf/" + scope + "/" + name
			if err := os.WriteFile(path, []byte("0"), 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// SetDefaults gives the namespace the kernel's own settings of IPv4, as New does.
func (n *Netns) SetDefaults() error { return n.Do(setDefaults) }

// Of opens the namespace that a process is in.
func Of(pid int) (*Netns, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, fmt.Errorf("open the network namespace of process %d: %w", pid, err)
	}
	return &Netns{file}, nil
}

// Close lets go of the namespace.
func (n *Netns) Close() { n.file.Close() }

// Path is a valid CNI_NETNS without any mount, for as long as this process holds the namespace.
func (n *Netns) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// Do runs f on a thread in the namespace, which ends with f.
func (n *Netns) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return f()
	})
}

// Start starts a command in the namespace.
func (n *Netns) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// Output runs a program in the namespace and returns its standard output; an error has all that it printed.
func (n *Netns) Output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var out, notices bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &notices
	if err := n.Start(cmd); err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s%s", name, strings.Join(args, " "), err, out.String(), notices.String())
	}
	return out.String(), nil
}

// Listen listens for TCP in the namespace, on a port of the kernel's choice.
func (n *Netns) Listen(ctx context.Context, address string) (net.Listener, error) {
	var listener net.Listener
	err := n.Do(func() error {
		var err error
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, "0"))
		return err
	})
	return listener, err
}

// Dial connects to a Listener from within the namespace.
func (n *Netns) Dial(ctx context.Context, to net.Addr) (net.Conn, error) {
	var conn net.Conn
	err := n.Do(func() error {
		var err error
		conn, err = (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", to.String())
		return err
	})
	return conn, err
}

// onThread runs f on a locked thread that is never used again.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}
