package main

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tap/test/netns"
)

// pod is a network namespace to attach to, with a socket to clean it up.
type pod struct {
	ns    *netns.Netns
	links *netlink.Handle
}

func newPod() (*pod, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	p := &pod{ns: ns}
	if err := ns.Do(func() error {
		p.links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	}); err != nil {
		ns.Close()
		return nil, fmt.Errorf("open netlink in a pod: %w", err)
	}
	return p, nil
}

// newPods makes n pods, or none.
func newPods(n int) ([]*pod, error) {
	var pods []*pod
	for range n {
		p, err := newPod()
		if err != nil {
			closePods(pods)
			return nil, err
		}
		pods = append(pods, p)
	}
	return pods, nil
}

func closePods(pods []*pod) {
	for _, p := range pods {
		p.close()
	}
}

func (p *pod) close() {
	p.links.Close()
	p.ns.Close()
}

// delete takes away the device that an ADD has made. That there is one is the witness of the ADD.
func (p *pod) delete(name string) error {
	link, err := p.links.LinkByName(name)
	if err != nil {
		return fmt.Errorf("look for the device %s: %w", name, err)
	}
	if err := p.links.LinkDel(link); err != nil {
		return fmt.Errorf("delete the device %s: %w", name, err)
	}
	return nil
}

// fill makes persistent taps f<from>, f<from+1>, … up to, not including, f<to>.
func (p *pod) fill(from, to int) error {
	return p.ns.Do(func() error {
		for i := from; i < to; i++ {
			if err := makeTap(fmt.Sprintf("f%d", i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// makeTap makes a persistent tap without owner in the network namespace of the calling thread.
func makeTap(name string) error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1)
	}
	if err := errors.Join(err, unix.Close(fd)); err != nil {
		return fmt.Errorf("make the tap %s: %w", name, err)
	}
	return nil
}
