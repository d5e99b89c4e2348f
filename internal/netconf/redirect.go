package netconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// redirect says whether the tap takes over the interface that CNI_IFNAME names.
func (raw *rawConfig) redirect(args *Args) (bool, error) {
	redirect := args.RedirectDefaults != nil
	err := decode("redirect", raw.Redirect, &redirect, "true or false")
	return redirect, err
}

// applyRedirect rejects keys that contradict redirect and sets owner and group from CNI_ARGS.
func (t *Tap) applyRedirect(raw *rawConfig, args *Args) error {
	ipam, err := raw.ipamType()
	if err != nil {
		return err
	}
	for _, contradiction := range []struct {
		key   string
		set   bool
		value json.RawMessage
		why   string
	}{
		{"mac", t.MAC != nil, raw.MAC, "the guest bears the interface's MAC address, and nobody sees the tap's own"},
		{"mtu", t.MTU != 0, raw.MTU, "the tap has the interface's MTU"},
		{"bridge", t.Bridge != "", raw.Bridge, "all that the tap receives goes out through the interface, and nothing to a bridge"},
		{"ipam", ipam != "", raw.IPAM, "the guest takes the addresses that the interface has from the plugin before"},
	} {
		if contradiction.set {
			return &KeyError{
				Key: contradiction.key, Value: rawValue(contradiction.value), Allowed: contradiction.key + " or redirect, but not both",
				Err: errors.New("with redirect " + contradiction.why),
			}
		}
	}
	cniArgs, err := parseCNIArgs(args)
	if err != nil {
		return err
	}
	if d := args.RedirectDefaults; d != nil { // as tc-redirect-tap has it
		t.Owner, t.Group = valueOr(t.Owner, d.User), valueOr(t.Group, d.Group)
	}
	if t.Owner, err = parseArgsID(args.Args, "TC_REDIRECT_TAP_UID", cniArgs.TC_REDIRECT_TAP_UID, t.Owner); err != nil {
		return err
	}
	t.Group, err = parseArgsID(args.Args, "TC_REDIRECT_TAP_GID", cniArgs.TC_REDIRECT_TAP_GID, t.Group)
	return err
}

// rejectRedirectArgs rejects TC_REDIRECT_TAP_* in CNI_ARGS if redirect is off: ignoring the UID
// would leave the tap open to any user. IgnoreUnknown accepts them.
func rejectRedirectArgs(args *Args) error {
	cniArgs, err := parseCNIArgs(args)
	if err != nil || cniArgs.IgnoreUnknown {
		return err
	}
	for _, key := range []struct {
		name  string
		value types.UnmarshallableString
	}{
		{"TC_REDIRECT_TAP_NAME", cniArgs.TC_REDIRECT_TAP_NAME},
		{"TC_REDIRECT_TAP_UID", cniArgs.TC_REDIRECT_TAP_UID},
		{"TC_REDIRECT_TAP_GID", cniArgs.TC_REDIRECT_TAP_GID},
	} {
		if key.value != "" {
			return &VarError{
				Var: "CNI_ARGS", Value: truncate([]byte(args.Args)), Err: fmt.Errorf("%s means something only with redirect", key.name),
				Advice: "set redirect, or the keys tapName, owner and group of the configuration; IgnoreUnknown=1 lets it pass",
			}
		}
	}
	return nil
}

func valueOr(id *uint32, value uint32) *uint32 {
	if id != nil {
		return id
	}
	return &value
}

func parseArgsID(rawArgs, name string, value types.UnmarshallableString, fallback *uint32) (*uint32, error) {
	if value == "" {
		return fallback, nil
	}
	n, err := strconv.ParseUint(string(value), 10, 32)
	if err != nil || n > maxID {
		return nil, &VarError{
			Var: "CNI_ARGS", Value: truncate([]byte(rawArgs)), Err: fmt.Errorf("%s %q is no numeric ID", name, value),
			Advice: fmt.Sprintf("allowed is an ID from 0 to %d", int64(maxID)),
		}
	}
	id := uint32(n)
	return &id, nil
}

// redirectName is the name of a tap that takes over an interface: the same at every
// start, so that the snapshot of a VM finds it again, and another for each interface.
func redirectName(ifName string) string {
	const prefix = "tap-"
	if len(prefix+ifName) <= maxNameLen {
		return prefix + ifName
	}
	return prefix + hashText(ifName)[:maxNameLen-len(prefix)]
}

// checkChain rejects settings that need an interface from a previous plugin of the chain if there
// is none, and a tap with the name of the interface that is redirected to it.
func (c *Config) checkChain() error {
	if c.Tap.Redirect && c.Tap.Name == c.IfName {
		return &KeyError{
			Key: "tapName", Value: strconv.Quote(c.Tap.Name), Allowed: "another name than CNI_IFNAME",
			Err: errors.New("this is the interface that the tap takes over"),
		}
	}
	if c.PrevResult != nil {
		return nil
	}
	if c.Tap.Redirect {
		return &KeyError{
			Key: "redirect", Value: "true", Allowed: "redirect in a later plugin of a chain, behind the one that makes the interface",
			Err: fmt.Errorf("no plugin before this one made an interface %q to be taken over", c.IfName),
		}
	}
	if c.Tap.Name != c.IfName {
		return &KeyError{
			Key: "tapName", Value: strconv.Quote(c.Tap.Name), Allowed: "tapName in a later plugin of a chain, or one that equals CNI_IFNAME",
			Err: fmt.Errorf("no plugin before this one made %q: the tap must bear that name (CNI specification, CNI_IFNAME)", c.IfName),
		}
	}
	return nil
}

// redirectField stands in an alias where the tap takes over the interface. No
// interface name has a colon.
const redirectField = "/:redirect"

// The name of the filters on an interface that was taken over: they are found there
// also when the tap is gone.
const (
	hookField = "/:interface"
	hookQdisc = "+clsact"
)

// IsHook says whether a filter of that name is this attachment's.
func (c *Config) IsHook(name string) bool {
	return name == c.HookName(false) || name == c.HookName(true)
}

// IsHookName says whether a filter of that name is one of this plugin's on an interface, whoever's attachment it is.
func IsHookName(name string) bool {
	_, _, ok := splitAlias(name)
	return ok && (strings.HasSuffix(name, hookField) || MadeQdisc(name))
}

// IsRedirectFilterName reports whether name is the name of a filter that this plugin installed for
// redirect, on the interface or on the tap, for any attachment.
func IsRedirectFilterName(name string) bool {
	_, _, ok := splitAlias(name)
	return IsHookName(name) || ok && strings.HasSuffix(name, redirectField)
}

// MadeQdisc says what was noted in the name of a filter.
func MadeQdisc(name string) bool { return strings.HasSuffix(name, hookField+hookQdisc) }

// HookName names the attachment on the filters of its interface; madeQdisc notes that
// the qdisc with the hooks was made for them.
func (c *Config) HookName(madeQdisc bool) string {
	name := c.attachment() + hookField
	if madeQdisc {
		name += hookQdisc
	}
	return name
}
