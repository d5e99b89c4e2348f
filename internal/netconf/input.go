package netconf

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
)

// input is the input of a verb: the configuration on standard input and CNI_ARGS. Each is decoded once, when it is
// first needed: an error in a part that a verb does not use must not make the verb fail.
type input struct {
	rawConfig
	args *Args

	runtime *rawRuntimeConfig // nil until runtimeConfig is called
	known   *knownArgs        // nil until cniArgs is called
}

// rawRuntimeConfig holds the capabilities that the runtime passes, as JSON text.
type rawRuntimeConfig struct {
	MAC       json.RawMessage `json:"mac"`
	Bandwidth json.RawMessage `json:"bandwidth"`
	IPs       json.RawMessage `json:"ips"`
}

// knownArgs holds the keys of CNI_ARGS that the plugin accepts. An example of CNI_ARGS is
// "MAC=…;IgnoreUnknown=1;K8S_POD_NAME=…". The CNI library finds the field of a key by its name.
type knownArgs struct {
	types.CommonArgs
	MAC types.UnmarshallableString
	// Keys of IPAM plugins, accepted and ignored (CNI conventions, "CNI_ARGS"; host-local).
	IP, GATEWAY types.UnmarshallableString
	// Keys of tc-redirect-tap, used with redirect.
	TC_REDIRECT_TAP_NAME types.UnmarshallableString //nolint:revive // field names are the keys
	TC_REDIRECT_TAP_UID  types.UnmarshallableString //nolint:revive // as above
	TC_REDIRECT_TAP_GID  types.UnmarshallableString //nolint:revive // as above
}

// decode decodes the configuration on standard input. It does so once and keeps the result.
func (a *Args) decode() (*input, error) {
	if a.in != nil {
		return a.in, nil
	}
	if len(bytes.TrimSpace(a.StdinData)) == 0 {
		return nil, fmt.Errorf("configuration: %w: standard input is empty", ErrUndecodable)
	}
	in := &input{args: a}
	if err := json.Unmarshal(a.StdinData, &in.rawConfig); err != nil {
		return nil, fmt.Errorf("configuration: %w: %w", ErrUndecodable, err)
	}
	if in.CNIVersion == "" {
		in.CNIVersion = "0.1.0" // CNI specification 0.1.0 had no such key
	}
	a.in = in
	return in, nil
}

// runtimeConfig returns the capabilities that the runtime passes. It decodes them once.
func (in *input) runtimeConfig() (*rawRuntimeConfig, error) {
	if in.runtime != nil {
		return in.runtime, nil
	}
	runtime := &rawRuntimeConfig{}
	if err := decode("runtimeConfig", in.RuntimeConfig, runtime, "an object"); err != nil {
		return nil, err
	}
	in.runtime = runtime
	return runtime, nil
}

// cniArgs returns the known keys of CNI_ARGS. It parses CNI_ARGS once.
func (in *input) cniArgs() (*knownArgs, error) {
	if in.known != nil {
		return in.known, nil
	}
	text := in.args.Args
	if in.args.RedirectDefaults != nil && text != "" { // tc-redirect-tap accepts unknown keys
		text += ";IgnoreUnknown=true"
	}
	known := &knownArgs{}
	if err := types.LoadArgs(text, known); err != nil {
		return nil, in.cniArgsError(err,
			"CNI_ARGS is KEY=VALUE;… with the keys MAC, IP and GATEWAY (for IPAM plugins) and, with redirect, "+
				"TC_REDIRECT_TAP_NAME, TC_REDIRECT_TAP_UID and TC_REDIRECT_TAP_GID; IgnoreUnknown=1 allows other keys")
	}
	in.known = known
	return known, nil
}

// cniArgsError returns the error for an invalid CNI_ARGS.
func (in *input) cniArgsError(err error, advice string) error {
	return &VarError{Var: "CNI_ARGS", Value: truncate([]byte(in.args.Args)), Err: err, Advice: advice}
}
