// Package netconf parses and validates the input of a verb: the network configuration on standard
// input, CNI_ARGS and the runtimeConfig. It is pure: it opens no file, makes no system call and does
// not use netlink.
package netconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
)

// Config is the validated configuration of one attachment.
type Config struct {
	CNIVersion  string // version of the configuration and of the result; never empty
	Network     string // network name
	ContainerID string
	IfName      string // name of the attachment's interface, CNI_IFNAME
	Netns       string // path of the container's network namespace, CNI_NETNS
	// OwnNetnsAllowed is CNI_NETNS_OVERRIDE: the container's namespace may be the plugin's own.
	OwnNetnsAllowed bool

	Tap       Tap
	IPAM      string // type of the IPAM plugin; empty for layer 2 only
	DNS       types.DNS
	NetnsDirs []string // directories that GC searches for namespaces, in addition to the default ones

	PrevResult    *current.Result // nil if the runtime passed none
	PrevResultErr error           // why [ParseDel] could not decode prevResult; nil if it could
}

// Tap describes the requested tap device.
type Tap struct {
	Name       string // final: CNI_IFNAME, or another name if a previous plugin made the interface CNI_IFNAME
	Redirect   bool   // redirect all traffic between the tap and the interface CNI_IFNAME, in both directions
	MultiQueue bool
	MTU        int              // bytes; 0 keeps the kernel's default
	MAC        net.HardwareAddr // 48 bits, unicast; nil keeps the kernel-assigned random one
	Owner      *uint32          // user that may attach; nil for none
	Group      *uint32          // group that may attach; nil for none
	Label      string           // SELinux context under which the device is created; empty for the plugin's own
	Bridge     string           // bridge that the tap becomes a port of; empty for none
	Isolated   bool             // the port does not exchange frames with other isolated ports of the bridge
	VLANs      VLANs            // of the port; the zero value keeps the VLANs of a new port
	TxQueueLen int              // packets; 0 keeps the kernel's default
	Promisc    bool             // IFF_PROMISC
	AllMulti   bool             // IFF_ALLMULTI
	Forward    bool             // the pod's kernel may forward IPv4 packets of the guest, as its other settings say
	AcceptRA   bool             // the pod's kernel accepts router advertisements of the guest, as its other settings say
	Bandwidth  Bandwidth
}

// rawConfig holds the value of each key as JSON text, so that an error can quote it.
// encoding/json matches keys case-insensitively, as the reference plugin does.
type rawConfig struct {
	CNIVersion     string          `json:"cniVersion"`
	Name           string          `json:"name"`
	MultiQueue     json.RawMessage `json:"multiQueue"`
	MTU            json.RawMessage `json:"mtu"`
	MAC            json.RawMessage `json:"mac"`
	Owner          json.RawMessage `json:"owner"`
	Group          json.RawMessage `json:"group"`
	SELinuxContext json.RawMessage `json:"selinuxContext"`
	Bridge         json.RawMessage `json:"bridge"`
	Isolated       json.RawMessage `json:"isolated"`
	VLAN           json.RawMessage `json:"vlan"`
	VLANTrunk      json.RawMessage `json:"vlanTrunk"`
	PreserveVLAN   json.RawMessage `json:"preserveDefaultVlan"`
	TxQueueLen     json.RawMessage `json:"txQueueLen"`
	PromiscMode    json.RawMessage `json:"promiscMode"` // the bridge plugin's name for promisc
	Promisc        json.RawMessage `json:"promisc"`     // the tuning plugin's name for promiscMode
	AllMulti       json.RawMessage `json:"allmulti"`
	Forward        json.RawMessage `json:"forward"`
	AcceptRA       json.RawMessage `json:"acceptRA"`
	TapName        json.RawMessage `json:"tapName"`
	Redirect       json.RawMessage `json:"redirect"`
	Bandwidth      json.RawMessage `json:"bandwidth"`
	NetnsDirs      json.RawMessage `json:"netnsDirs"`
	// Keys of GC. libcni passes the list under both names: a draft of the specification used the second.
	ValidAttachments json.RawMessage `json:"cni.dev/valid-attachments"`
	Attachments      json.RawMessage `json:"cni.dev/attachments"`
	IPAM             json.RawMessage `json:"ipam"`
	DNS              json.RawMessage `json:"dns"`
	Args             json.RawMessage `json:"args"`
	RuntimeConfig    json.RawMessage `json:"runtimeConfig"`
	PrevResult       json.RawMessage `json:"prevResult"`
	Plugins          json.RawMessage `json:"plugins"` // key of a conflist; a runtime passes the plugin one entry of it
}

// Parse validates the input of ADD and CHECK. Its error is a *[KeyError] or a *[VarError], or wraps
// [ErrUndecodable].
func Parse(args *Args) (*Config, error) {
	in, conf, err := parseNetwork(args)
	if err != nil {
		return nil, err
	}
	if err := checkInterfaceName(args.IfName); err != nil {
		return nil, ifNameError(args.IfName, err)
	}
	if conf.PrevResult, err = in.prevResult(); err != nil {
		return nil, err
	}
	if err := conf.checkChain(); err != nil {
		return nil, err
	}
	return conf, nil
}

// ParseStatus validates the keys that apply to every attachment of a network: STATUS has no
// container ID, no namespace and no interface name.
func ParseStatus(args *Args) (*Config, error) {
	_, conf, err := parseNetwork(args)
	return conf, err
}

// parseNetwork validates all keys except prevResult.
func parseNetwork(args *Args) (*input, *Config, error) {
	in, conf, err := parseIdentity(args)
	if err != nil {
		return nil, nil, err
	}
	if !absent(in.Plugins) { // the keys of its entries, including owner, would be ignored
		return nil, nil, &KeyError{
			Key: "plugins", Value: truncate(in.Plugins),
			Allowed: "one entry of that list, with the cniVersion and name of the file",
			Err:     errors.New("this is a complete conflist; a runtime (or cnitool) passes a plugin one entry of it"),
		}
	}
	if conf.Tap, err = in.tap(); err != nil {
		return nil, nil, err
	}
	if conf.NetnsDirs, err = in.netnsDirs(); err != nil {
		return nil, nil, err
	}
	if conf.IPAM, err = in.ipamType(); err != nil {
		return nil, nil, err
	}
	if err := in.checkRequestedIPs(conf.IPAM); err != nil {
		return nil, nil, err
	}
	if err := decode("dns", in.DNS, &conf.DNS, "an object with nameservers, domain, search and options"); err != nil {
		return nil, nil, err
	}
	if err := conf.checkResultVersion(); err != nil {
		return nil, nil, err
	}
	return in, conf, nil
}

// ParseDel parses only the keys that DEL needs: name and ipam. No other key is needed to find the
// devices that ADD created. If ipam is invalid, ParseDel returns the Config and an error; the Config
// is nil only if the attachment cannot be identified. prevResult, redirect and tapName are hints for
// devices without an alias: errors in them are ignored or kept in PrevResultErr.
func ParseDel(args *Args) (*Config, error) {
	in, conf, err := parseIdentity(args)
	if err != nil {
		return nil, err
	}
	conf.PrevResult, conf.PrevResultErr = in.prevResult()
	var redirectErr error
	conf.Tap.Redirect, redirectErr = in.redirect()
	if conf.Tap.Name, err = in.tapName(conf.Tap.Redirect); redirectErr != nil || err != nil && conf.Tap.Redirect {
		conf.Tap.Name = "" // tapName may have returned the name of the interface, which DEL must not delete
	}
	conf.IPAM, err = in.ipamType()
	return conf, err
}

// parseIdentity decodes the configuration and returns a Config with the fields that identify the
// network and the attachment.
func parseIdentity(args *Args) (*input, *Config, error) {
	in, err := args.decode()
	if err != nil {
		return nil, nil, err
	}
	override := strings.ToUpper(args.NetnsOverride)
	return in, &Config{
		CNIVersion:      in.CNIVersion,
		Network:         in.Name,
		ContainerID:     args.ContainerID,
		IfName:          args.IfName,
		Netns:           args.Netns,
		OwnNetnsAllowed: override == "TRUE" || override == "1", // as in the CNI library (pkg/skel)
	}, nil
}

// tap validates the keys of the tap device.
func (in *input) tap() (Tap, error) {
	var t Tap
	var err error
	if t.Redirect, err = in.redirect(); err != nil {
		return t, err
	}
	if t.Name, err = in.tapName(t.Redirect); err != nil {
		return t, err
	}
	if err = decode("multiQueue", in.MultiQueue, &t.MultiQueue, "true or false"); err != nil {
		return t, err
	}
	if t.MTU, err = in.mtu(); err != nil {
		return t, err
	}
	if t.MAC, err = in.mac(t.Name == in.args.IfName); err != nil {
		return t, err
	}
	if t.Owner, err = decodeID("owner", in.Owner); err != nil {
		return t, err
	}
	if t.Group, err = decodeID("group", in.Group); err != nil {
		return t, err
	}
	if t.Label, err = in.label(); err != nil {
		return t, err
	}
	if t.Bridge, err = in.bridge(); err != nil {
		return t, err
	}
	if t.Isolated, err = in.isolated(t.Bridge); err != nil {
		return t, err
	}
	if t.VLANs, err = in.vlans(t.Bridge); err != nil {
		return t, err
	}
	if t.TxQueueLen, err = in.txQueueLen(); err != nil {
		return t, err
	}
	if t.Promisc, err = in.promisc(); err != nil {
		return t, err
	}
	if err = decode("allmulti", in.AllMulti, &t.AllMulti, "true or false"); err != nil {
		return t, err
	}
	if t.Forward, err = decodeRouter("forward", in.Forward, &t); err != nil {
		return t, err
	}
	if t.AcceptRA, err = decodeRouter("acceptRA", in.AcceptRA, &t); err != nil {
		return t, err
	}
	if t.Bandwidth, err = in.bandwidth(); err != nil {
		return t, err
	}
	if !t.Redirect {
		return t, in.rejectRedirectArgs()
	}
	return t, t.applyRedirect(in)
}

// checkResultVersion rejects a cniVersion whose result format cannot describe the attachment:
// results before 0.3.0 contain only addresses, and a network without ipam has none.
func (c *Config) checkResultVersion() error {
	if c.IPAM != "" {
		return nil
	}
	interfaces, err := version.GreaterThanOrEqualTo(c.CNIVersion, "0.3.0")
	if err != nil {
		return fmt.Errorf("configuration: cniVersion: %w: %w", ErrUndecodable, err)
	}
	if !interfaces {
		return &KeyError{
			Key: "cniVersion", Value: c.CNIVersion,
			Allowed: "0.3.0 or later for a network without ipam: " +
				"earlier results contain only addresses (a missing cniVersion means 0.1.0)",
		}
	}
	return nil
}

// absent reports whether a key is missing or null; encoding/json treats both alike.
func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}
