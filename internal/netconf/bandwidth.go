package netconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Bandwidth holds the rate limits of a tap (CNI conventions, "bandwidth").
type Bandwidth struct {
	Ingress Limit // traffic to the guest
	Egress  Limit // traffic from the guest
}

// Limit is the rate limit of one direction. The zero value means no limit.
type Limit struct {
	Rate  uint64 // bits per second
	Burst uint64 // bits that may be sent at once
}

const (
	minRate = 8                     // bits per second: tc counts in bytes
	maxRate = 1_000_000_000_000_000 // bits per second: 1P, the maximum of kubelet
	// minBurst, in bits, is enough for a segmentation offload frame: 64 KiB and the headers that the
	// kernel counts for each of its segments (Linux 6.12, net/core/dev.c, qdisc_pkt_len_init). A frame
	// of that size never fits into a smaller bucket.
	minBurst = 8 * 80_000
	// maxBurst, in bits, is the largest burst whose number of bytes fits into 32 bits. If the user sets
	// no burst, containerd passes 2^32-1 bits, and CRI-O passes maxBurst.
	maxBurst = 8*(1<<32-1) - 1
)

// bandwidth returns the limits of both directions. For each direction, runtimeConfig.bandwidth overrides
// the key bandwidth: a runtime that limits one direction does not remove the limit of the other.
func (in *input) bandwidth() (Bandwidth, error) {
	runtime, err := in.runtimeConfig()
	if err != nil {
		return Bandwidth{}, err
	}
	fromRuntime, err := decodeBandwidth("runtimeConfig.bandwidth", runtime.Bandwidth)
	if err != nil {
		return Bandwidth{}, err
	}
	b, err := decodeBandwidth("bandwidth", in.Bandwidth)
	if err != nil {
		return Bandwidth{}, err
	}
	if err := in.checkBandwidthKeys(); err != nil {
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

const bandwidthAllowed = "an object with ingressRate, ingressBurst, egressRate and egressBurst"

// rawBandwidth holds the keys of a bandwidth object as JSON text.
type rawBandwidth struct {
	IngressRate  json.RawMessage `json:"ingressRate"`
	IngressBurst json.RawMessage `json:"ingressBurst"`
	EgressRate   json.RawMessage `json:"egressRate"`
	EgressBurst  json.RawMessage `json:"egressBurst"`
}

// checkBandwidthKeys rejects unknown keys in bandwidth: a misspelt key would leave a direction without
// limit. Unknown keys in runtimeConfig.bandwidth are accepted: later conventions may add some.
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

// decodeBandwidth decodes a bandwidth object; key is its path.
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

// decodeLimit decodes and validates the rate and burst of one direction.
func decodeLimit(direction string, rate, burst json.RawMessage) (Limit, error) {
	rates := fmt.Sprintf("an integer in bits per second, from %d to %d", minRate, int64(maxRate))
	bursts := fmt.Sprintf("an integer in bits, from %d (a frame of 64 KiB with the headers of its segments) to %d",
		minBurst, int64(maxBurst))
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
		return Limit{}, &KeyError{
			Key: direction + "Rate", Value: rawValue(rate), Allowed: "rate and burst together; the rate is " + rates,
			Err: errors.New("a burst needs a rate"),
		}
	case perSecond < minRate:
		return Limit{}, &KeyError{Key: direction + "Rate", Value: rawValue(rate), Allowed: rates}
	case bits == 0:
		return Limit{}, &KeyError{
			Key: direction + "Burst", Value: rawValue(burst), Allowed: "rate and burst together; the burst is " + bursts,
			Err: errors.New("a rate needs a burst"),
		}
	case bits < minBurst:
		return Limit{}, &KeyError{
			Key: direction + "Burst", Value: rawValue(burst), Allowed: bursts,
			Err: errors.New("too small for a segmentation offload frame of the guest"),
		}
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
