package plugin

import (
	"encoding/json"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

// newResult is what ADD prints: the result of the plugins before this one as it
// was, the tap and the device made beside it (nil: none) appended, and the addresses
// of our IPAM pointing at the tap.
func newResult(conf *netconf.Config, link, egress *netdev.Link, assigned *current.Result) ([]byte, error) {
	result := &current.Result{CNIVersion: current.ImplementedSpecVersion}
	if prev := conf.PrevResult; prev != nil {
		result.Interfaces = append(result.Interfaces, prev.Interfaces...)
		result.IPs = append(result.IPs, prev.IPs...)
		result.Routes = append(result.Routes, prev.Routes...)
		result.DNS = prev.DNS
	}
	ours := len(result.Interfaces)
	result.Interfaces = append(result.Interfaces, newInterface(conf, link))
	if egress != nil {
		result.Interfaces = append(result.Interfaces, newInterface(conf, egress))
	}
	if assigned != nil {
		for _, ip := range assigned.IPs {
			ip = ip.Copy()
			ip.Interface = current.Int(ours)
			result.IPs = append(result.IPs, ip)
		}
		result.Routes = append(result.Routes, assigned.Routes...)
		if !assigned.DNS.IsEmpty() {
			result.DNS = assigned.DNS
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
