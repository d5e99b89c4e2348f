package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"tap/test/harness"
)

// vmNetwork is what the SDK of Firecracker makes of a result: StaticNetworkConf of its
// package cni/vmconf.
type vmNetwork struct {
	TapName, NetNSPath, VMMacAddr string
	VMMTU                         int
	VMIPConfig                    struct{ Address, Gateway string }
	VMRoutes                      []harness.Route
	VMNameservers                 []string
	VMDomain                      string
}

// readBySDK has the SDK read the result of ADD.
func readBySDK(t *testing.T, h *harness.Host, added harness.Got) (vmNetwork, error) {
	t.Helper()
	cmd := exec.Command(harness.Bin(t, "vmconf"), h.ContainerID)
	cmd.Stdin = strings.NewReader(added.WantOK().Stdout)
	var vm vmNetwork
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return vm, fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	h.Must(err)
	h.Must(json.Unmarshal(out, &vm))
	return vm, nil
}

// The versions of the specification that the SDK knows, v1.0.0.
var sdkVersions = []string{"0.3.1", "0.4.0", "1.0.0"}

// handedIn makes what was handed to us one of that version, with those addresses.
func handedIn(version string, addresses ...m) m {
	ips := []any{}
	for _, ip := range addresses {
		ip["interface"] = 1
		if version < "1.0.0" {
			ip["version"] = "4"
			if strings.Contains(fmt.Sprint(ip["address"]), ":") {
				ip["version"] = "6"
			}
		}
		ips = append(ips, ip)
	}
	prev := handed(m{"cniVersion": version, "ips": ips})
	prev["cniVersion"] = version
	return prev
}

// With an address of either family the SDK finds the tap and all that the VM is to have.
func TestRedirectResultIsReadBySDK(t *testing.T) {
	for _, version := range sdkVersions {
		for family, ip := range map[string][2]string{"IPv4": {wired4 + "/24", node4}, "IPv6": {wired6 + "/64", node6}} {
			t.Run(version+" "+family, func(t *testing.T) {
				t.Parallel()
				h := newTakeover(t)
				h.sh("ip link set eth0 mtu 1400")
				vm, err := readBySDK(t, h.Host, h.add(handedIn(version, m{"address": ip[0], "gateway": ip[1]})))
				h.Must(err)
				want := vmNetwork{
					TapName: "tap-eth0", NetNSPath: h.Pod.Path(), VMMacAddr: podMAC, VMMTU: 1400,
					VMRoutes: []harness.Route{{Dst: "0.0.0.0/0", GW: node4}}, VMNameservers: []string{"10.7.0.53"}, VMDomain: "pods.example",
				}
				want.VMIPConfig.Address, want.VMIPConfig.Gateway = ip[0], ip[1]
				if !reflect.DeepEqual(vm, want) {
					t.Errorf("the VM's network\n got %+v\nwant %+v", vm, want)
				}
			})
		}
	}
}

// It takes one address: docs/redirect.md says what to do with two.
func TestRedirectDualStackResultIsRefusedBySDK(t *testing.T) {
	for _, version := range sdkVersions {
		h := newTakeover(t)
		added := h.add(handedIn(version, m{"address": wired4 + "/24", "gateway": node4}, m{"address": wired6 + "/64"}))
		if _, err := readBySDK(t, h.Host, added); err == nil || !strings.Contains(err.Error(), "expected to find 1 IP") {
			t.Errorf("version %s: %v", version, err)
		}
	}
}
