// Package result builds the CNI result of ADD.
package result

import (
	"encoding/json"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// Parts are the devices of an attachment and the result of its IPAM plugin.
type Parts struct {
	Tap       *netdev.Link
	Egress    *netdev.Link    // egress device; nil if there is none
	Interface *netdev.Link    // the pod's interface in redirect mode; nil otherwise
	Assigned  *current.Result // result of the IPAM plugin; nil without IPAM
}

// New returns the result of ADD as JSON. It keeps prevResult unchanged and appends the tap, the egress
// device, the guest's interface, and the addresses of the IPAM plugin, which refer to the tap.
func New(conf *netconf.Config, p Parts) ([]byte, error) {
	result := &current.Result{CNIVersion: current.ImplementedSpecVersion}
	if prev := conf.PrevResult; prev != nil {
		result.Interfaces = append(result.Interfaces, prev.Interfaces...)
		result.IPs = append(result.IPs, prev.IPs...)
		result.Routes = append(result.Routes, prev.Routes...)
		result.DNS = prev.DNS
	}
	tapIndex := len(result.Interfaces)
	result.Interfaces = append(result.Interfaces, newInterface(conf, p.Tap))
	if p.Egress != nil {
		result.Interfaces = append(result.Interfaces, newInterface(conf, p.Egress))
	}
	if p.Interface != nil {
		result.IPs = append(result.IPs, guestAddresses(conf, len(result.Interfaces))...)
		result.Interfaces = append(result.Interfaces, guestInterface(conf, p.Tap, p.Interface))
	}
	if p.Assigned != nil {
		for _, ip := range p.Assigned.IPs {
			ip = ip.Copy()
			ip.Interface = current.Int(tapIndex)
			result.IPs = append(result.IPs, ip)
		}
		result.Routes = append(result.Routes, p.Assigned.Routes...)
		if !p.Assigned.DNS.IsEmpty() {
			result.DNS = p.Assigned.DNS
		}
	}
	if !conf.DNS.IsEmpty() {
		result.DNS = conf.DNS
	}
	return encode(result, conf.CNIVersion)
}

func newInterface(conf *netconf.Config, link *netdev.Link) *current.Interface {
	entry := &current.Interface{Name: link.Name, Mac: link.MAC.String(), Sandbox: conf.Netns}
	if conf.CNIVersion == current.ImplementedSpecVersion { // earlier versions of the specification do not define mtu
		entry.Mtu = link.MTU
	}
	return entry
}

// guestInterface returns the entry for the interface inside the VM. It has the format that the SDK of
// Firecracker expects: the name of the tap, by which a reader finds the tap, and the container ID as sandbox.
// A reader of the result sees nothing else of the guest.
func guestInterface(conf *netconf.Config, tap, iface *netdev.Link) *current.Interface {
	entry := newInterface(conf, iface)
	entry.Name, entry.Sandbox = tap.Name, conf.ContainerID
	return entry
}

// guestAddresses returns the addresses of the pod's interface for the guest's interface, which has the given
// index in the result. An address without index counts as well, because Cilium sets no index.
func guestAddresses(conf *netconf.Config, index int) []*current.IPConfig {
	var list []*current.IPConfig
	for _, ip := range conf.PrevResult.IPs {
		if ip.Interface != nil && !isPodInterface(conf, *ip.Interface) {
			continue
		}
		ip = ip.Copy()
		ip.Interface = current.Int(index)
		list = append(list, ip)
	}
	return list
}

// isPodInterface reports whether the entry of prevResult with an index is the interface CNI_IFNAME of the
// pod.
func isPodInterface(conf *netconf.Config, index int) bool {
	entries := conf.PrevResult.Interfaces
	return index >= 0 && index < len(entries) && entries[index].Name == conf.IfName && entries[index].Sandbox == conf.Netns
}

func encode(result *current.Result, version string) ([]byte, error) {
	converted, err := result.GetAsVersion(version)
	if err != nil {
		return nil, fmt.Errorf("convert the result to version %s: %w", version, err)
	}
	data, err := json.MarshalIndent(withoutMarshaler(converted), "", "    ")
	if err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	return append(data, '\n'), nil // trailing newline for interactive use
}

// withoutMarshaler returns a copy of result that json encodes directly. The MarshalJSON method of the CNI
// library goes by way of a map to omit an empty DNS, which costs 3 % of an ADD. Results of versions before
// 1.0.0 have other fields and keep the method.
func withoutMarshaler(result types.Result) any {
	r, ok := result.(*current.Result)
	if !ok {
		return result
	}
	plain := struct {
		CNIVersion string               `json:"cniVersion"`
		Interfaces []*current.Interface `json:"interfaces,omitempty"`
		IPs        []*current.IPConfig  `json:"ips,omitempty"`
		Routes     []*types.Route       `json:"routes,omitempty"`
		DNS        *types.DNS           `json:"dns,omitempty"`
	}{CNIVersion: r.CNIVersion, Interfaces: r.Interfaces, IPs: r.IPs, Routes: r.Routes}
	if !r.DNS.IsEmpty() {
		plain.DNS = &r.DNS
	}
	return plain
}
