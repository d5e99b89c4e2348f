package netconf

import "github.com/containernetworking/cni/pkg/types"

// knownArgs are what is known of CNI_ARGS, "MAC=…;IgnoreUnknown=1;K8S_POD_NAME=…". The CNI
// library finds a key by the name of the field.
type knownArgs struct {
	types.CommonArgs
	MAC types.UnmarshallableString
	// The IPAM plugin's (conventions, "CNI_ARGS"; host-local).
	IP, GATEWAY types.UnmarshallableString
	// Those of tc-redirect-tap, for a tap that takes over an interface.
	TC_REDIRECT_TAP_NAME, TC_REDIRECT_TAP_UID, TC_REDIRECT_TAP_GID types.UnmarshallableString //nolint:revive // names of keys
}

func parseCNIArgs(args *Args) (*knownArgs, error) {
	known := &knownArgs{}
	rawArgs := args.Args
	if args.RedirectDefaults != nil && rawArgs != "" { // tc-redirect-tap lets others pass
		rawArgs += ";IgnoreUnknown=true"
	}
	if err := types.LoadArgs(rawArgs, known); err != nil {
		return nil, &VarError{
			Var: "CNI_ARGS", Value: truncate([]byte(args.Args)), Err: err,
			Advice: "CNI_ARGS is KEY=VALUE;…, of which MAC is understood, IP and GATEWAY by IPAM plugins, and with redirect TC_REDIRECT_TAP_NAME, _UID and _GID; IgnoreUnknown=1 lets others pass",
		}
	}
	return known, nil
}
