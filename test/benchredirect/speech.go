package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/netns"
)

// spoken is how many frames.
const spoken = 100

// overheard is how many of a hundred frames that the pod's own kernel sends reach the
// node, while the guest has the interface.
func overheard(s *site, speaker string) (int, error) {
	ear, err := packetSocket(s.node, "wire", etherType)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(ear) }() // a socket: nothing is buffered
	mouth, err := packetSocket(s.pod, speaker, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(mouth) }()
	for range spoken {
		// ENOBUFS: a program at the hook dropped it
		if _, err := unix.Write(mouth, frame(s.nodeMAC, s.podMAC)); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return 0, fmt.Errorf("send by %s: %w", speaker, err)
		}
	}
	time.Sleep(20 * time.Millisecond) // they are there at once; one that is late would count as silence
	heard := 0
	buffer := make([]byte, 1<<16)
	for {
		if _, _, err := unix.Recvfrom(ear, buffer, unix.MSG_DONTWAIT); err != nil {
			return heard, nil //nolint:nilerr // nothing is left
		}
		heard++
	}
}

// packetSocket opens one of a device, which receives frames of a type; 0: none.
func packetSocket(ns *netns.Netns, device string, etherType uint16) (int, error) {
	fd := -1
	err := ns.Do(func() error {
		link, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, etherType))
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(protocol)); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: link.Index})
	})
	if err != nil {
		return fd, fmt.Errorf("open a packet socket of %s: %w", device, err)
	}
	return fd, nil
}
