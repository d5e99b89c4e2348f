package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// addSources creates a macvlan device in source mode with that many source MAC addresses: sources COUNT.
func addSources(args []string, _ func(), _ <-chan struct{}) (report, error) {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, err
	}
	b, err := newBatch()
	if err != nil {
		return nil, err
	}
	lower, err := b.newDevice("d0", "veth")
	if err != nil {
		return nil, err
	}
	const sourceMode = 16 // MACVLAN_MODE_SOURCE, include/uapi/linux/if_link.h
	change := func(action uint32, addresses ...net.HardwareAddr) nl.NetlinkRequestData {
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("macvlan"))
		data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
		data.AddRtAttr(nl.IFLA_MACVLAN_MODE, nl.Uint32Attr(sourceMode))
		if len(addresses) > 0 {
			data.AddRtAttr(nl.IFLA_MACVLAN_MACADDR_MODE, nl.Uint32Attr(action))
			for _, address := range addresses {
				data.AddRtAttr(nl.IFLA_MACVLAN_MACADDR, address)
			}
		}
		return info
	}
	err = errors.Join(
		b.add(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, linkOf(0), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("m0")),
			nl.NewRtAttr(unix.IFLA_LINK, nl.Uint32Attr(uint32(lower))), change(0)),
		b.flush(),
	)
	if err != nil {
		return nil, fmt.Errorf("create a macvlan device: %w", err)
	}
	device, err := net.InterfaceByName("m0")
	if err != nil {
		return nil, err
	}
	for i := range count {
		address := binary.BigEndian.AppendUint32(net.HardwareAddr{2, 0}, uint32(i))
		if err := b.add(unix.RTM_NEWLINK, 0, linkOf(device.Index), change(nl.MACVLAN_MACADDR_ADD, address)); err != nil {
			return nil, err
		}
	}
	return report{"sources": int64(count)}, b.flush()
}

// addNames gives a device as many alternative names as the kernel accepts: names DEVICE. A device name of 15 bytes at most is also
// accepted by TUNSETIFF, so these names are longer.
func addNames(args []string, _ func(), _ <-chan struct{}) (report, error) {
	device, err := net.InterfaceByName(args[0])
	if err != nil {
		return nil, err
	}
	b, err := newBatch()
	if err != nil {
		return nil, err
	}
	const longest = 127 // ALTIFNAMSIZ without the terminator, include/uapi/linux/if.h
	for count := int64(0); ; count++ {
		list := nl.NewRtAttr(unix.IFLA_PROP_LIST|unix.NLA_F_NESTED, nil)
		list.AddRtAttr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated(fmt.Sprintf("%s%0*d", args[0], longest-len(args[0]), count)))
		err := errors.Join(b.add(unix.RTM_NEWLINKPROP, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_APPEND, linkOf(device.Index), list), b.flush())
		if errors.Is(err, unix.EINVAL) && count > 0 {
			return report{"names": count}, nil // the list has the largest size of an attribute
		}
		if err != nil {
			return nil, err
		}
	}
}

// churn creates and deletes devices as fast as it can, with two threads, so that dumps of devices are interrupted.
func churn(_ []string, ready func(), stop <-chan struct{}) (report, error) {
	const threads, group = 2, 40
	var created atomic.Int64
	var running sync.WaitGroup
	failed := make(chan error, threads)
	for thread := range threads {
		b, err := newBatch()
		if err != nil {
			return nil, err
		}
		running.Go(func() {
			for !closed(stop) {
				if err := b.comeAndGo(uint32(100+thread), group); err != nil {
					failed <- err
					return
				}
				created.Add(group)
			}
		})
	}
	ready()
	running.Wait()
	select {
	case err := <-failed:
		return nil, err
	default:
		return report{"created": created.Load()}, nil
	}
}

// comeAndGo creates devices in a group, of kinds that the plugin also creates or lists, and deletes the group.
func (b *batch) comeAndGo(group uint32, count int) error {
	member := nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group))
	for i := range count {
		kind := "ifb"
		if i%8 == 0 {
			kind = "veth"
		}
		if err := b.newLink(fmt.Sprintf("c%d.%d", group, i), kind, member); err != nil {
			return err
		}
		if err := b.flush(); err != nil {
			return err
		}
	}
	return errors.Join(b.add(unix.RTM_DELLINK, 0, linkOf(0), member), b.flush())
}
