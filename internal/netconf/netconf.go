// Package netconf reads what was asked for: the network configuration on
// stdin, CNI_ARGS and the runtimeConfig become one validated value. It is pure:
// it opens no file, asks no kernel and knows no netlink.
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

// Config is one attachment as it was asked for.
type Config struct {
	CNIVersion  string // version of the configuration and of the result; never empty
	Network     string // the network's name
	ContainerID string
	IfName      string // name of the attachment's interface, CNI_IFNAME
	Netns       string // path of the container's network namespace, CNI_NETNS
	// OwnNetnsAllowed is CNI_NETNS_OVERRIDE: the container's namespace may be the plugin's own.
	OwnNetnsAllowed bool

	Tap       Tap
	IPAM      string // type of the IPAM plugin; empty: layer 2 only
	DNS       types.DNS
	NetnsDirs []string // folders of namespaces that GC looks into, beside the usual ones

	PrevResult    *current.Result // nil where the runtime passed none
	PrevResultErr error           // why [ParseDel] could not read the one that was passed
}

// Tap is what the device shall be.
type Tap struct {
	Name       string // final: CNI_IFNAME, or tapName in a chain whose first plugin made that
	Redirect   bool   // everything goes between the tap and the interface CNI_IFNAME, which the guest takes over
	MultiQueue bool
	MTU        int              // bytes; 0: the kernel's default
	MAC        net.HardwareAddr // 48 bits, unicast; nil: the kernel draws one
	Owner      *uint32          // user who may attach; nil: none set
	Group      *uint32          // group that may attach; nil: none set
	Label      string           // SELinux context under which the device is created; empty: the plugin's own
	Bridge     string           // bridge whose port the tap becomes; empty: none
	Isolated   bool             // the port reaches no other isolated port of the bridge
	VLANs      VLANs            // of the port; the zero value: those of any new port
	TxQueueLen int              // packets; 0: the kernel's default
	Promisc    bool             // IFF_PROMISC
	AllMulti   bool             // IFF_ALLMULTI
	Bandwidth  Bandwidth
}

// rawConfig holds every key as it was written, so that an error can name its value.
// encoding/json matches the keys case-insensitively, as the reference does.
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
	PromiscMode    json.RawMessage `json:"promiscMode"` // as the bridge plugin calls it
	Promisc        json.RawMessage `json:"promisc"`     // as the tuning plugin calls it
	AllMulti       json.RawMessage `json:"allmulti"`
	TapName        json.RawMessage `json:"tapName"`
	Redirect       json.RawMessage `json:"redirect"`
	Bandwidth      json.RawMessage `json:"bandwidth"`
	NetnsDirs      json.RawMessage `json:"netnsDirs"`
	// Of GC. libcni passes the list under both names: a draft of the specification had the second.
	ValidAttachments json.RawMessage `json:"cni.dev/valid-attachments"`
	Attachments      json.RawMessage `json:"cni.dev/attachments"`
	IPAM             json.RawMessage `json:"ipam"`
	DNS              json.RawMessage `json:"dns"`
	Args             json.RawMessage `json:"args"`
	RuntimeConfig    json.RawMessage `json:"runtimeConfig"`
	PrevResult       json.RawMessage `json:"prevResult"`
	Plugins          json.RawMessage `json:"plugins"` // of a list, which runtimes take apart
}

// Parse validates everything that ADD and CHECK act on. Its error is a
// *[KeyError], a *[VarError], or wraps [ErrUndecodable].
func Parse(args *Args) (*Config, error) {
	raw, conf, err := parseNetwork(args)
	if err != nil {
		return nil, err
	}
	if err := checkInterfaceName(args.IfName); err != nil {
		return nil, ifNameError(args.IfName, err)
	}
	if conf.PrevResult, err = raw.prevResult(); err != nil {
		return nil, err
	}
	if err := conf.checkChain(); err != nil {
		return nil, err
	}
	return conf, nil
}

// ParseStatus validates what holds for every attachment of a network: STATUS
// comes without container ID, namespace and interface name.
func ParseStatus(args *Args) (*Config, error) {
	_, conf, err := parseNetwork(args)
	return conf, err
}

func parseNetwork(args *Args) (*rawConfig, *Config, error) {
	raw, conf, err := parseIdentity(args)
	if err != nil {
		return nil, nil, err
	}
	if !absent(raw.Plugins) { // its keys would be ignored, the owner among them
		return nil, nil, &KeyError{
			Key: "plugins", Value: truncate(raw.Plugins), Allowed: "one entry of that list, with the cniVersion and name of the file",
			Err: errors.New("this is a whole conflist, of which a runtime (or cnitool) gives a plugin its own entry"),
		}
	}
	if conf.Tap, err = raw.tap(args); err != nil {
		return nil, nil, err
	}
	if conf.NetnsDirs, err = raw.netnsDirs(); err != nil {
		return nil, nil, err
	}
	if conf.IPAM, err = raw.ipamType(); err != nil {
		return nil, nil, err
	}
	if err := raw.checkRequestedIPs(conf.IPAM); err != nil {
		return nil, nil, err
	}
	if err := decode("dns", raw.DNS, &conf.DNS, "an object of nameservers, domain, search and options"); err != nil {
		return nil, nil, err
	}
	if err := conf.checkResultVersion(); err != nil {
		return nil, nil, err
	}
	return raw, conf, nil
}

// ParseDel reads only what DEL acts on: name and ipam. No other key is needed to find what
// ADD made. An ipam that cannot be read is reported beside the Config and not instead of
// it; the Config is nil only where the attachment cannot be told. prevResult, redirect and
// tapName are no more than hints, for what has no alias.
func ParseDel(args *Args) (*Config, error) {
	raw, conf, err := parseIdentity(args)
	if err != nil {
		return nil, err
	}
	conf.PrevResult, conf.PrevResultErr = raw.prevResult()
	conf.Tap.Redirect, _ = raw.redirect(args)
	if conf.Tap.Name, err = raw.tapName(args, conf.Tap.Redirect); err != nil && conf.Tap.Redirect {
		conf.Tap.Name = "" // not the interface's
	}
	conf.IPAM, err = raw.ipamType()
	return conf, err
}

func parseIdentity(args *Args) (*rawConfig, *Config, error) {
	raw, err := args.decodeStdin()
	if err != nil {
		return nil, nil, err
	}
	override := strings.ToUpper(args.NetnsOverride)
	return raw, &Config{
		CNIVersion:      raw.CNIVersion,
		Network:         raw.Name,
		ContainerID:     args.ContainerID,
		IfName:          args.IfName,
		Netns:           args.Netns,
		OwnNetnsAllowed: override == "TRUE" || override == "1", // as the CNI library reads it
	}, nil
}

func (raw *rawConfig) tap(args *Args) (Tap, error) {
	var t Tap
	var err error
	if t.Redirect, err = raw.redirect(args); err != nil {
		return t, err
	}
	if t.Name, err = raw.tapName(args, t.Redirect); err != nil {
		return t, err
	}
	if err = decode("multiQueue", raw.MultiQueue, &t.MultiQueue, "true or false"); err != nil {
		return t, err
	}
	if t.MTU, err = raw.mtu(); err != nil {
		return t, err
	}
	if t.MAC, err = raw.mac(args, t.Name == args.IfName); err != nil {
		return t, err
	}
	if t.Owner, err = decodeID("owner", raw.Owner); err != nil {
		return t, err
	}
	if t.Group, err = decodeID("group", raw.Group); err != nil {
		return t, err
	}
	if t.Label, err = raw.label(); err != nil {
		return t, err
	}
	if t.Bridge, err = raw.bridge(); err != nil {
		return t, err
	}
	if t.Isolated, err = raw.isolated(t.Bridge); err != nil {
		return t, err
	}
	if t.VLANs, err = raw.vlans(t.Bridge); err != nil {
		return t, err
	}
	if t.TxQueueLen, err = raw.txQueueLen(); err != nil {
		return t, err
	}
	if t.Promisc, err = raw.promisc(); err != nil {
		return t, err
	}
	if err = decode("allmulti", raw.AllMulti, &t.AllMulti, "true or false"); err != nil {
		return t, err
	}
	if t.Bandwidth, err = raw.bandwidth(); err != nil {
		return t, err
	}
	if !t.Redirect {
		return t, rejectRedirectArgs(args)
	}
	return t, t.applyRedirect(raw, args)
}

// prevResult reads the result of the plugins before this one, in whatever
// version the configuration has.
func (raw *rawConfig) prevResult() (*current.Result, error) {
	if absent(raw.PrevResult) {
		return nil, nil
	}
	result, err := DecodeResult(raw.PrevResult, raw.CNIVersion)
	if err != nil {
		return nil, &KeyError{Key: "prevResult", Value: truncate(raw.PrevResult), Allowed: "a CNI result of version " + raw.CNIVersion, Err: err}
	}
	return result, nil
}

// checkResultVersion rejects a cniVersion whose result format cannot describe the attachment:
// results before 0.3.0 contain only addresses, and a network without ipam has none.
func (c *Config) checkResultVersion() error {
	if c.IPAM != "" {
		return nil
	}
	interfaces, err := version.GreaterThanOrEqualTo(c.CNIVersion, "0.3.0")
	if err != nil {
		return fmt.Errorf("%w: cniVersion: %w", ErrUndecodable, err)
	}
	if !interfaces {
		return &KeyError{
			Key: "cniVersion", Value: c.CNIVersion,
			Allowed: "0.3.0 or later for a network without ipam: an earlier result consists of addresses (and no cniVersion means 0.1.0)",
		}
	}
	return nil
}

// absent says whether a key is missing or null, which encoding/json treats alike.
func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}
