package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// options are the command line. Every stage parses it anew.
type options struct {
	command    string
	netns      string // path of the pod's network namespace
	tap        string // the device's name there
	user       int
	group      int
	groups     []int // supplementary
	queues     int
	multiQueue bool // IFF_MULTI_QUEUE
	hold       bool

	meddle bool // change the device, and leave at once

	program []string // that is to be executed, with its arguments

	// The machine's side of the wire.
	mac      net.HardwareAddr
	mtu      int // bytes; 0: the kernel's default
	addrs    []*netlink.Addr
	gateways []net.IP // a default route each
}

func parse(args []string) (*options, error) {
	if len(args) == 0 {
		return nil, errors.New("no command: run, attach, intrude or exec")
	}
	o := &options{command: args[0]}
	flags := flag.NewFlagSet(o.command, flag.ContinueOnError) // whose exit status for errors means EPERM here
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.netns, "netns", "", "")
	flags.StringVar(&o.tap, "tap", "", "")
	flags.IntVar(&o.user, "user", -1, "")
	flags.IntVar(&o.group, "group", -1, "")
	flags.Func("groups", "", o.setGroups)
	flags.IntVar(&o.queues, "queues", 1, "")
	flags.BoolVar(&o.multiQueue, "multi-queue", false, "")
	switch o.command {
	case "run":
		flags.Func("mac", "", o.setMAC)
		flags.IntVar(&o.mtu, "mtu", 0, "")
		flags.Func("addr", "", o.addAddr)
		flags.Func("gateway", "", o.addGateway)
	case "attach":
		flags.BoolVar(&o.hold, "hold", false, "")
	case "intrude":
		flags.BoolVar(&o.meddle, "meddle", false, "")
		o.multiQueue = true
	case "exec":
	default:
		return nil, fmt.Errorf("command %q: run, attach, intrude or exec", o.command)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return nil, fmt.Errorf("%s: %w", o.command, err)
	}
	if o.command == "exec" && flags.NArg() > 0 {
		o.program = flags.Args()
	} else if flags.NArg() > 0 || o.command == "exec" {
		return nil, fmt.Errorf("%s: unexpected %q", o.command, flags.Arg(0))
	}
	o.multiQueue = o.multiQueue || o.queues > 1
	return o, o.check()
}

func (o *options) check() error {
	switch {
	case o.tap == "" && o.command != "exec" || len(o.tap) >= unix.IFNAMSIZ:
		return errors.New("-tap is needed, at most 15 bytes")
	case !isID(o.user) || !isID(o.group):
		return errors.New("-user and -group are needed, both numbers")
	case o.queues < 1:
		return fmt.Errorf("-queues %d: at least one", o.queues)
	case o.command == "run" && o.mac == nil:
		return errors.New("-mac is needed")
	}
	return nil
}

// isID: setresuid and its like take the highest number for "as it is".
func isID(id int) bool { return id >= 0 && id < math.MaxUint32 }

func (o *options) setGroups(list string) error {
	for field := range strings.SplitSeq(list, ",") {
		id, err := strconv.Atoi(field)
		if err != nil {
			return err
		}
		if !isID(id) {
			return errors.New("not a group ID")
		}
		o.groups = append(o.groups, id)
	}
	return nil
}

func (o *options) setMAC(text string) error {
	mac, err := net.ParseMAC(text)
	o.mac = mac
	return err
}

func (o *options) addAddr(text string) error {
	addr, err := netlink.ParseAddr(text)
	o.addrs = append(o.addrs, addr)
	return err
}

func (o *options) addGateway(text string) error {
	ip := net.ParseIP(text)
	if ip == nil {
		return errors.New("not an IP address")
	}
	o.gateways = append(o.gateways, ip)
	return nil
}
