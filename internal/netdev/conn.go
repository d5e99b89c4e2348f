// Package netdev is what rtnetlink does to a device: attributes, alias, master,
// up, addresses, routes, and reading them back. It knows no CNI.
package netdev

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Conn is a route netlink socket in one network namespace. Its methods may be
// called from any thread.
type Conn struct{ sockets map[int]*nl.SocketHandle }

// Dial opens a socket in the network namespace of the calling thread, with
// extended acknowledgements, so that errors carry the kernel's own words.
func Dial() (*Conn, error) {
	sock, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open route netlink socket: %w", err)
	}
	if err := sock.SetExtAck(true); err != nil {
		sock.Close()
		return nil, fmt.Errorf("ask for extended acknowledgements: %w", err)
	}
	return &Conn{sockets: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: sock}}}, nil
}

// Close closes the socket.
func (c *Conn) Close() {
	c.sockets[unix.NETLINK_ROUTE].Close()
}

// request builds a message; execute sends it and returns the answers of one type.
func (c *Conn) request(kind, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = c.sockets
	return req
}

func execute(req *nl.NetlinkRequest, answer uint16) ([][]byte, error) {
	return req.Execute(unix.NETLINK_ROUTE, answer)
}

// dump repeats a dump that a concurrent change made inconsistent
// (NLM_F_DUMP_INTR), for as long as that is likely to help.
func dump[T any](read func() ([]T, error)) ([]T, error) {
	const tries = 20
	for try := 1; ; try++ {
		list, err := read()
		if try == tries || !errors.Is(err, nl.ErrDumpInterrupted) {
			return list, err
		}
	}
}
