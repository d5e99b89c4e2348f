package netconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Limits of the kernel, Linux 6.12.
const (
	minMTU        = 68        // ETH_MIN_MTU, include/uapi/linux/if_ether.h: the minimum for IPv4 (RFC 791)
	maxMTU        = 65521     // MAX_MTU of drivers/net/tun.c minus the Ethernet header
	maxTxQueueLen = 65536     // tun allocates an array of pointers per queue: a larger one fails late, with ENOMEM
	maxID         = 1<<32 - 2 // (uid_t)-1 means "no user", include/linux/uidgid.h
)

// decode decodes raw, the value of a key, into value. If the key is absent, value is unchanged.
func decode(key string, raw json.RawMessage, value any, allowed string) error {
	if absent(raw) {
		return nil
	}
	if err := json.Unmarshal(raw, value); err != nil {
		return &KeyError{Key: key, Value: truncate(raw), Allowed: allowed}
	}
	return nil
}

// decodeInteger returns an integer from low to high, or 0 if the key is absent.
func decodeInteger(key string, raw json.RawMessage, low, high int64, allowed string) (int64, error) {
	var n int64
	if err := decode(key, raw, &n, allowed); err != nil {
		return 0, err
	}
	if n < low || n > high {
		return 0, &KeyError{Key: key, Value: truncate(raw), Allowed: allowed}
	}
	return n, nil
}

func (raw *rawConfig) mtu() (int, error) {
	allowed := fmt.Sprintf("an integer from %d to %d, or 0 for the kernel's default", minMTU, maxMTU)
	n, err := decodeInteger("mtu", raw.MTU, 0, maxMTU, allowed)
	if err == nil && n != 0 && n < minMTU {
		err = &KeyError{Key: "mtu", Value: truncate(raw.MTU), Allowed: allowed}
	}
	return int(n), err
}

func (raw *rawConfig) txQueueLen() (int, error) {
	if absent(raw.TxQueueLen) {
		return 0, nil
	}
	n, err := decodeInteger("txQueueLen", raw.TxQueueLen, 1, maxTxQueueLen,
		fmt.Sprintf("an integer from 1 to %d; a tap with 0 drops every frame to the guest", maxTxQueueLen))
	return int(n), err
}

// decodeID returns a user or group ID, or nil if the key is absent.
func decodeID(key string, raw json.RawMessage) (*uint32, error) {
	if absent(raw) {
		return nil, nil
	}
	n, err := decodeInteger(key, raw, 0, maxID, fmt.Sprintf("a numeric ID from 0 to %d", int64(maxID)))
	if err != nil {
		return nil, err
	}
	id := uint32(n)
	return &id, nil
}

func (raw *rawConfig) label() (string, error) {
	const allowed = "an SELinux context such as system_u:system_r:container_t:s0"
	var label string
	if err := decode("selinuxContext", raw.SELinuxContext, &label, allowed); err != nil {
		return "", err
	}
	// A newline at the beginning makes the kernel clear the label, and a NUL ends it.
	if strings.ContainsAny(label, "\x00\n") {
		return "", &KeyError{Key: "selinuxContext", Value: truncate(raw.SELinuxContext), Allowed: allowed}
	}
	return label, nil
}

func (raw *rawConfig) bridge() (string, error) {
	const allowed = "the name of a bridge in the container's namespace"
	var name string
	if err := decode("bridge", raw.Bridge, &name, allowed); err != nil || name == "" {
		return "", err
	}
	if err := checkInterfaceName(name); err != nil {
		return "", &KeyError{Key: "bridge", Value: truncate(raw.Bridge), Allowed: allowed, Err: err}
	}
	return name, nil
}

// isolated returns the key isolated, which requires the key bridge.
func (raw *rawConfig) isolated(bridge string) (bool, error) {
	isolated := false
	if err := decode("isolated", raw.Isolated, &isolated, "true or false"); err != nil {
		return false, err
	}
	if isolated && bridge == "" {
		return false, needsBridgeError("isolated", raw.Isolated)
	}
	return isolated, nil
}

// decodeRouter returns forward or acceptRA. In redirect mode and on a bridge port the pod's kernel receives no frames
// from the tap, so both keys are rejected.
func decodeRouter(key string, value json.RawMessage, t *Tap) (bool, error) {
	enabled := false
	if err := decode(key, value, &enabled, "true or false"); err != nil || !enabled {
		return false, err
	}
	for _, contradiction := range []struct {
		key string
		set bool
		why string
	}{
		{"bridge", t.Bridge != "", "the bridge receives the frames of the guest, so set the sysctls of the bridge instead"},
		{"redirect", t.Redirect, "the pod's kernel receives no frames of the guest"},
	} {
		if contradiction.set {
			return false, &KeyError{
				Key: key, Value: truncate(value), Allowed: key + " or " + contradiction.key + ", but not both",
				Err: errors.New("has no effect together with " + contradiction.key + ": " + contradiction.why),
			}
		}
	}
	return true, nil
}

// promisc returns promiscMode or promisc: the bridge plugin and the tuning plugin use different names for
// the same flag.
func (raw *rawConfig) promisc() (bool, error) {
	var bridgeKey, tuningKey *bool
	if err := decode("promiscMode", raw.PromiscMode, &bridgeKey, "true or false"); err != nil {
		return false, err
	}
	if err := decode("promisc", raw.Promisc, &tuningKey, "true or false"); err != nil {
		return false, err
	}
	switch {
	case bridgeKey == nil && tuningKey == nil:
		return false, nil
	case bridgeKey == nil:
		return *tuningKey, nil
	case tuningKey != nil && *tuningKey != *bridgeKey:
		return false, &KeyError{
			Key: "promisc", Value: truncate(raw.Promisc), Allowed: "one of promiscMode and promisc, or the same value for both",
			Err: errors.New("contradicts promiscMode, which is the same setting"),
		}
	}
	return *bridgeKey, nil
}

// netnsDirs returns the key netnsDirs. It may come from an untrusted tenant, so only clean absolute paths are
// accepted: the path itself shows which directory it names. A repeated path counts once.
func (raw *rawConfig) netnsDirs() ([]string, error) {
	const allowed = "a list of absolute paths without ., .., // or a trailing /, such as /run/docker/netns"
	var dirs []string
	if err := decode("netnsDirs", raw.NetnsDirs, &dirs, allowed); err != nil {
		return nil, err
	}
	var distinct []string
	seen := map[string]bool{}
	for _, dir := range dirs {
		if !path.IsAbs(dir) || path.Clean(dir) != dir || strings.ContainsRune(dir, 0) {
			return nil, &KeyError{Key: "netnsDirs", Value: truncate([]byte(strconv.Quote(dir))), Allowed: allowed}
		}
		if !seen[dir] {
			seen[dir] = true
			distinct = append(distinct, dir)
		}
	}
	return distinct, nil
}

// ipamType returns ipam.type. The other keys of ipam belong to the IPAM plugin.
func (raw *rawConfig) ipamType() (string, error) {
	const allowed = `an object whose "type" is the file name of a plugin in CNI_PATH`
	var ipam struct {
		Type json.RawMessage `json:"type"`
	}
	if err := decode("ipam", raw.IPAM, &ipam, allowed); err != nil {
		return "", err
	}
	var name string
	if err := decode("ipam.type", ipam.Type, &name, allowed); err != nil {
		return "", err
	}
	if name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", &KeyError{Key: "ipam.type", Value: truncate(ipam.Type), Allowed: "the bare file name of a plugin in CNI_PATH"}
	}
	return name, nil
}

// checkRequestedIPs rejects addresses requested by the runtime if the network has no IPAM
// plugin to assign them (CNI conventions, "ips": a runtime requests them only from plugins
// that support it).
func (in *input) checkRequestedIPs(ipam string) error {
	if ipam != "" {
		return nil // the IPAM plugin reads them
	}
	runtime, err := in.runtimeConfig()
	if err != nil {
		return err
	}
	var ips []json.RawMessage
	if err := decode("runtimeConfig.ips", runtime.IPs, &ips, "a list of addresses"); err != nil {
		return err
	}
	if len(ips) > 0 {
		return &KeyError{
			Key: "runtimeConfig.ips", Value: truncate(runtime.IPs), Allowed: "addresses only for a network with ipam",
			Err: errors.New("the network has no IPAM plugin to assign them"),
		}
	}
	return nil
}
