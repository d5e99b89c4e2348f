package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// addMany calls add for each number below the count in the arguments, and sends what it adds: NAME COUNT DEVICE.
func addMany(args []string, add func(b *batch, device, i int) error) (report, error) {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, err
	}
	device, err := net.InterfaceByName(args[1])
	if err != nil {
		return nil, err
	}
	b, err := newBatch()
	if err != nil {
		return nil, err
	}
	for i := range count {
		if err := add(b, device.Index, i); err != nil {
			return nil, fmt.Errorf("number %d: %w", i, err)
		}
	}
	return report{"added": int64(count)}, b.flush()
}

// addLinks creates ifb devices, a kind that the plugin lists: links COUNT DEVICE. The device is not used.
func addLinks(args []string, _ func(), _ <-chan struct{}) (report, error) {
	return addMany(args, func(b *batch, _, i int) error { return b.newLink(fmt.Sprintf("many%d", i), "ifb") })
}

// addForged creates ifb devices whose names belong to the same network as that of a given egress device, and whose taps are missing, so
// that they look stale: forged COUNT EGRESS-DEVICE.
func addForged(args []string, _ func(), _ <-chan struct{}) (report, error) {
	const networkPart, letters = 8, "abcdefghijklmnopqrstuvwxyz234567" // of a name; internal/netconf/alias.go
	return addMany([]string{args[0], "lo"}, func(b *batch, _, i int) error {
		name := []byte(args[1])
		for at := networkPart; at < len(name); at++ {
			name[at] = letters[i%len(letters)]
			i /= len(letters)
		}
		return b.newLink(string(name), "ifb")
	})
}

// addRoutes adds IPv4 host routes over a device: routes COUNT DEVICE.
func addRoutes(args []string, _ func(), _ <-chan struct{}) (report, error) {
	return addMany(args, func(b *batch, device, i int) error {
		return b.add(unix.RTM_NEWROUTE, unix.NLM_F_CREATE,
			&nl.RtMsg{RtMsg: unix.RtMsg{
				Family: unix.AF_INET, Dst_len: 32, Table: unix.RT_TABLE_MAIN, Scope: unix.RT_SCOPE_LINK,
				Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNICAST,
			}},
			nl.NewRtAttr(unix.RTA_DST, binary.BigEndian.AppendUint32(nil, 100<<24+uint32(i))), // from 100.0.0.0 on
			nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(device))))
	})
}

// addAddresses adds IPv4 addresses to a device: addresses COUNT DEVICE.
func addAddresses(args []string, _ func(), _ <-chan struct{}) (report, error) {
	return addMany(args, func(b *batch, device, i int) error {
		header := nl.NewIfAddrmsg(unix.AF_INET)
		header.Prefixlen, header.Index = 32, uint32(device)
		address := binary.BigEndian.AppendUint32(nil, 101<<24+uint32(i)) // from 101.0.0.0 on
		return b.add(unix.RTM_NEWADDR, unix.NLM_F_CREATE, header, nl.NewRtAttr(unix.IFA_LOCAL, address), nl.NewRtAttr(unix.IFA_ADDRESS, address))
	})
}

// filterLength is the number of classic BPF instructions in a filter. The kernel accepts at most 4,096 (BPF_MAXINSNS).
const filterLength = 4000

// addFilters adds long filters to the ingress of a device, and a qdisc clsact if it has none: filters COUNT DEVICE.
func addFilters(args []string, _ func(), _ <-chan struct{}) (report, error) {
	const (
		clsact, clsactHandle = 0xfffffff1, 0xffff0000 // TC_H_CLSACT
		ingress              = 0xfffffff2             // of clsact
		priority             = 0x1000
	)
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	var program []byte
	for i := range filterLength {
		code := uint16(unix.BPF_LD | unix.BPF_IMM)
		if i == filterLength-1 {
			code = unix.BPF_RET | unix.BPF_K
		}
		program = binary.NativeEndian.AppendUint16(program, code) // struct sock_filter
		program = append(program, 0, 0, 0, 0, 0, 0)
	}
	return addMany(args, func(b *batch, device, i int) error {
		if i == 0 {
			err := errors.Join(b.add(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_EXCL,
				&nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(device), Handle: clsactHandle, Parent: clsact},
				nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("clsact"))), b.flush())
			if err != nil && !errors.Is(err, unix.EEXIST) {
				return fmt.Errorf("add a qdisc: %w", err)
			}
		}
		options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
		options.AddRtAttr(nl.TCA_BPF_OPS_LEN, nl.Uint16Attr(filterLength))
		options.AddRtAttr(nl.TCA_BPF_OPS, program)
		return b.add(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE|unix.NLM_F_EXCL,
			&nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(device), Handle: uint32(i + 1), Parent: ingress, Info: priority<<16 | uint32(protocol)},
			nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bpf")), options)
	})
}
