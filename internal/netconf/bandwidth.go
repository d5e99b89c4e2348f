package netconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Bandwidth limits what passes the tap, as the CNI conventions have it ("bandwidth").
type Bandwidth struct {
	Ingress Limit // towards the guest
	Egress  Limit // from the guest
}

// Limit is that of one direction; the zero value is none.
type Limit struct {
	Rate  uint64 // bits per second
	Burst uint64 // bits that may pass at once
}

const (
	minRate = 8                     // bits per second: tc counts in bytes
	maxRate = 1_000_000_000_000_000 // bits per second: 1P, a kubelet's own limit
	// minBurst, in bits, lets a segmentation offload frame pass: 64 KiB, and the
	// headers that each of its segments counts (Linux 6.12, net/core/dev.c,
	// qdisc_pkt_len_init). A smaller bucket would never hold such a frame.
	minBurst = 8 * 80_000
	// maxBurst, in bits, is what fits into 32 bits of bytes. Where the user names no
	// burst, containerd sends 2^32-1 bits, and CRI-O sends this.
	maxBurst = 8*(1<<32-1) - 1
)

// bandwidth takes for each direction the runtime's capability, and else the key of
// the same name: who asks for a limit of one direction does not lift the other.
func (raw *rawConfig) bandwidth() (Bandwidth, error) {
	var runtime struct {
		Bandwidth json.RawMessage `json:"bandwidth"`
	}
	if err := decode("runtimeConfig", raw.RuntimeConfig, &runtime, "an object"); err != nil {
		return Bandwidth{}, err
	}
	fromRuntime, err := decodeBandwidth("runtimeConfig.bandwidth", runtime.Bandwidth)
	if err != nil {
		return Bandwidth{}, err
	}
	b, err := decodeBandwidth("bandwidth", raw.Bandwidth)
	if err != nil {
		return Bandwidth{}, err
	}
	if err := raw.checkBandwidthKeys(); err != nil {
		return Bandwidth{}, err
	}
	if fromRuntime.Ingress != (Limit{}) {
		b.Ingress = fromRuntime.Ingress
	}
	if fromRuntime.Egress != (Limit{}) {
		b.Egress = fromRuntime.Egress
	}
	return b, nil
}

const bandwidthAllowed = "an object of ingressRate, ingressBurst, egressRate and egressBurst"

// rawBandwidth are the keys of a bandwidth.
type rawBandwidth struct {
	IngressRate  json.RawMessage `json:"ingressRate"`
	IngressBurst json.RawMessage `json:"ingressBurst"`
	EgressRate   json.RawMessage `json:"egressRate"`
	EgressBurst  json.RawMessage `json:"egressBurst"`
}

// checkBandwidthKeys refuses a misspelt key, and so a limit that would not be there. (A
// runtime's own object may have keys of later conventions.)
func (raw *rawConfig) checkBandwidthKeys() error {
	if absent(raw.Bandwidth) {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw.Bandwidth))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&rawBandwidth{}); err != nil {
		return &KeyError{Key: "bandwidth", Value: truncate(raw.Bandwidth), Allowed: bandwidthAllowed, Err: err}
	}
	return nil
}

func decodeBandwidth(key string, raw json.RawMessage) (Bandwidth, error) {
	var b Bandwidth
	var fields rawBandwidth
	if err := decode(key, raw, &fields, bandwidthAllowed); err != nil {
		return b, err
	}
	var err error
	if b.Ingress, err = decodeLimit(key+".ingress", fields.IngressRate, fields.IngressBurst); err != nil {
		return b, err
	}
	b.Egress, err = decodeLimit(key+".egress", fields.EgressRate, fields.EgressBurst)
	return b, err
}

func decodeLimit(direction string, rate, burst json.RawMessage) (Limit, error) {
	rates := fmt.Sprintf("an integer of bits per second, from %d to %d", minRate, int64(maxRate))
	bursts := fmt.Sprintf("an integer of bits, from %d (a frame of 64 KiB with the headers of its segments) to %d", minBurst, int64(maxBurst))
	perSecond, err := decodeInteger(direction+"Rate", rate, 0, maxRate, rates)
	if err != nil {
		return Limit{}, err
	}
	bits, err := decodeInteger(direction+"Burst", burst, 0, maxBurst, bursts)
	switch {
	case err != nil:
		return Limit{}, err
	case perSecond == 0 && bits == 0:
		return Limit{}, nil
	case perSecond == 0:
		return Limit{}, &KeyError{Key: direction + "Rate", Value: rawValue(rate), Allowed: "both or neither: " + rates, Err: errors.New("a burst needs a rate")}
	case perSecond < minRate:
		return Limit{}, &KeyError{Key: direction + "Rate", Value: rawValue(rate), Allowed: rates}
	case bits == 0:
		return Limit{}, &KeyError{Key: direction + "Burst", Value: rawValue(burst), Allowed: "both or neither: " + bursts, Err: errors.New("a rate needs a burst")}
	case bits < minBurst:
		return Limit{}, &KeyError{Key: direction + "Burst", Value: rawValue(burst), Allowed: bursts, Err: errors.New("too small for a frame of the guest's segmentation offload")}
	}
	return Limit{Rate: uint64(perSecond), Burst: uint64(bits)}, nil
}

// rawValue returns the JSON text of a value for an error, or "none" if the key is absent.
func rawValue(raw json.RawMessage) string {
	if absent(raw) {
		return "none"
	}
	return truncate(raw)
}
