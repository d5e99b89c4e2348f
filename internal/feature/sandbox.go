package feature

import (
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/netns"
)

var (
	netnsKind = cni.Kind{Code: types.ErrInvalidNetNS, Advice: "CNI_NETNS must be the path of an existing network namespace, " +
		"such as /run/netns/NAME or /proc/PID/ns/net"}
	enterKind = netnsKind.With("entering a namespace needs CAP_SYS_ADMIN in the user namespace that owns it, and a free descriptor")
	ownKind   = netnsKind.With("pass the container's network namespace in CNI_NETNS; CNI_NETNS_OVERRIDE=1 allows the plugin's own")
)

// OpenSandbox opens the container's namespace. It rejects the plugin's own.
func OpenSandbox(conf *netconf.Config) (*netns.Sandbox, error) {
	sandbox, err := netns.Open(conf.Netns)
	if err != nil {
		return nil, netnsKind.Wrap(err)
	}
	if err := RejectOwnNetns(conf, sandbox); err != nil {
		sandbox.Close()
		return nil, err
	}
	return sandbox, nil
}

// RejectOwnNetns returns an error if sandbox is the plugin's own namespace, unless the configuration allows
// that.
func RejectOwnNetns(conf *netconf.Config, sandbox *netns.Sandbox) error {
	if conf.OwnNetnsAllowed {
		return nil
	}
	own, err := sandbox.IsOwn()
	if err == nil && own {
		return ownKind.Wrap(fmt.Errorf("CNI_NETNS=%s is %w", conf.Netns, netns.ErrOwn))
	}
	return netnsKind.Wrap(err)
}

// NetnsError adds code and advice to an error about a namespace.
func NetnsError(err error) error {
	if errors.Is(err, netns.ErrEnter) {
		return enterKind.Wrap(err)
	}
	return netnsKind.Wrap(err)
}

// DialIn connects to the kernel by route netlink in a namespace.
func DialIn(sandbox *netns.Sandbox) (*netdev.Conn, error) {
	var conn *netdev.Conn
	err := enter(sandbox.Do, func() error {
		var err error
		conn, err = netdev.Dial()
		return err
	})
	if err != nil {
		return nil, deviceKind.Wrap(fmt.Errorf("namespace %s: %w", sandbox.Path(), err))
	}
	return conn, nil
}

// runInNetns runs f on another thread that is in the namespace of the attachment.
func (a *Attachment) runInNetns(f func() error) error { return enter(a.Sandbox.Do, f) }

// enter runs f by do, which is [netns.Sandbox.Do] or [netns.Sandbox.DoInPlace].
func enter(do func(func() error) error, f func() error) error {
	err := do(f)
	if errors.Is(err, netns.ErrEnter) {
		return enterKind.Wrap(err)
	}
	return err
}
