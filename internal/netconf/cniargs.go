package netconf

import "github.com/containernetworking/cni/pkg/types"

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

// parseCNIArgs parses CNI_ARGS.
func parseCNIArgs(args *Args) (*knownArgs, error) {
	known := &knownArgs{}
	rawArgs := args.Args
	if args.RedirectDefaults != nil && rawArgs != "" { // tc-redirect-tap accepts unknown keys
		rawArgs += ";IgnoreUnknown=true"
	}
	if err := types.LoadArgs(rawArgs, known); err != nil {
		return nil, &VarError{
			Var: "CNI_ARGS", Value: truncate([]byte(args.Args)), Err: err,
			Advice: "CNI_ARGS is KEY=VALUE;… with the keys MAC, IP and GATEWAY (for IPAM plugins) and, with redirect, " +
				"TC_REDIRECT_TAP_NAME, TC_REDIRECT_TAP_UID and TC_REDIRECT_TAP_GID; IgnoreUnknown=1 allows other keys",
		}
	}
	return known, nil
}
