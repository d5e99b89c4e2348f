// Package result is the CNI result of ADD.
package result

import (
	"encoding/json"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// Parts are what an ADD made or was given.
type Parts struct {
	Tap      *netdev.Link
	Beside   *netdev.Link    // a device that was made beside the tap; nil: none
	Taken    *netdev.Link    // the interface that the guest has; nil: none
	Assigned *current.Result // of our IPAM; nil: none
}

// New is what ADD prints: the result of the plugins before this one as it was, the tap,
// the device made beside it and the guest's interface appended, and the addresses of our
// IPAM pointing at the tap.
func New(conf *netconf.Config, p Parts) ([]byte, error) {
	result := &current.Result{CNIVersion: current.ImplementedSpecVersion}
	if prev := conf.PrevResult; prev != nil {
		result.Interfaces = append(result.Interfaces, prev.Interfaces...)
		result.IPs = append(result.IPs, prev.IPs...)
		result.Routes = append(result.Routes, prev.Routes...)
		result.DNS = prev.DNS
	}
	ours := len(result.Interfaces)
	result.Interfaces = append(result.Interfaces, newInterface(conf, p.Tap))
	if p.Beside != nil {
		result.Interfaces = append(result.Interfaces, newInterface(conf, p.Beside))
	}
	if p.Taken != nil {
		result.IPs = append(result.IPs, guestAddresses(conf, len(result.Interfaces))...)
		result.Interfaces = append(result.Interfaces, guestInterface(conf, p.Tap, p.Taken))
	}
	if p.Assigned != nil {
		for _, ip := range p.Assigned.IPs {
			ip = ip.Copy()
			ip.Interface = current.Int(ours)
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
	if conf.CNIVersion == current.ImplementedSpecVersion { // earlier specifications have no such key
		entry.Mtu = link.MTU
	}
	return entry
}

// guestInterface is the interface inside the VM, as the SDK of Firecracker has it: it
// bears the tap's name, which tells the tap, and its sandbox is the container ID. (Not
// our own choice, and all that a consumer of results can see of the guest.)
func guestInterface(conf *netconf.Config, tap, target *netdev.Link) *current.Interface {
	entry := newInterface(conf, target)
	entry.Name, entry.Sandbox = tap.Name, conf.ContainerID
	return entry
}

// guestAddresses are those of the interface that the guest takes over, for the guest's own
// with that index. Those without an index are taken for the interface's as well: Cilium gives none.
func guestAddresses(conf *netconf.Config, index int) []*current.IPConfig {
	var list []*current.IPConfig
	for _, ip := range conf.PrevResult.IPs {
		if ip.Interface != nil && !isTarget(conf, *ip.Interface) {
			continue
		}
		ip = ip.Copy()
		ip.Interface = current.Int(index)
		list = append(list, ip)
	}
	return list
}

// isTarget says whether an entry of prevResult is the interface that is taken over.
func isTarget(conf *netconf.Config, index int) bool {
	entries := conf.PrevResult.Interfaces
	return index >= 0 && index < len(entries) && entries[index].Name == conf.IfName && entries[index].Sandbox == conf.Netns
}

func encode(result *current.Result, version string) ([]byte, error) {
	asked, err := result.GetAsVersion(version)
	if err != nil {
		return nil, fmt.Errorf("convert the result to version %s: %w", version, err)
	}
	data, err := json.MarshalIndent(printable(asked), "", "    ")
	if err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	return append(data, '\n'), nil // for who runs it by hand
}

// printable is a result without the library's own encoding, which takes a detour over
// a map, to leave out an empty DNS, and costs 3 % of an ADD. Versions before 1.0.0
// look different, and keep it.
func printable(result types.Result) any {
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
