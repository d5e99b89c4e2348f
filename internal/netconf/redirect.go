package netconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// redirect reports whether the tap is redirected to the interface CNI_IFNAME.
func (in *input) redirect() (bool, error) {
	redirect := in.args.RedirectDefaults != nil
	err := decode("redirect", in.Redirect, &redirect, "true or false")
	return redirect, err
}

// applyRedirect rejects keys that contradict redirect and sets owner and group from CNI_ARGS.
func (t *Tap) applyRedirect(in *input) error {
	ipam, err := in.ipamType()
	if err != nil {
		return err
	}
	for _, contradiction := range []struct {
		key   string
		set   bool
		value json.RawMessage
		why   string
	}{
		{"mac", t.MAC != nil, in.MAC, "the guest uses the interface's MAC address, and the tap's own is not visible"},
		{"mtu", t.MTU != 0, in.MTU, "the tap has the interface's MTU"},
		{"bridge", t.Bridge != "", in.Bridge, "all traffic from the tap goes to the interface, and none to a bridge"},
		{"ipam", ipam != "", in.IPAM, "the guest uses the addresses that a previous plugin assigned to the interface"},
	} {
		if contradiction.set {
			return &KeyError{
				Key: contradiction.key, Value: rawValue(contradiction.value),
				Allowed: contradiction.key + " or redirect, but not both",
				Err:     errors.New("with redirect, " + contradiction.why),
			}
		}
	}
	cniArgs, err := in.cniArgs()
	if err != nil {
		return err
	}
	if d := in.args.RedirectDefaults; d != nil { // as in tc-redirect-tap
		t.Owner, t.Group = valueOr(t.Owner, d.User), valueOr(t.Group, d.Group)
	}
	if t.Owner, err = in.parseArgsID("TC_REDIRECT_TAP_UID", cniArgs.TC_REDIRECT_TAP_UID, t.Owner); err != nil {
		return err
	}
	t.Group, err = in.parseArgsID("TC_REDIRECT_TAP_GID", cniArgs.TC_REDIRECT_TAP_GID, t.Group)
	return err
}

// rejectRedirectArgs rejects TC_REDIRECT_TAP_* in CNI_ARGS without redirect: ignoring the UID would leave
// the tap open to any user. It accepts them if IgnoreUnknown is set.
func (in *input) rejectRedirectArgs() error {
	cniArgs, err := in.cniArgs()
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
			return in.cniArgsError(fmt.Errorf("%s requires redirect", key.name),
				"set redirect, or use the keys tapName, owner and group of the configuration; "+
					"IgnoreUnknown=1 ignores the key of CNI_ARGS")
		}
	}
	return nil
}

// valueOr returns id, or a pointer to value if id is nil.
func valueOr(id *uint32, value uint32) *uint32 {
	if id != nil {
		return id
	}
	return &value
}

// parseArgsID parses the user or group ID in the value of a key of CNI_ARGS. It returns fallback if the
// value is empty.
func (in *input) parseArgsID(key string, value types.UnmarshallableString, fallback *uint32) (*uint32, error) {
	if value == "" {
		return fallback, nil
	}
	n, err := strconv.ParseUint(string(value), 10, 32)
	if err != nil || n > maxID {
		return nil, in.cniArgsError(fmt.Errorf("%s: %q is not a numeric ID", key, value),
			fmt.Sprintf("allowed: an ID from 0 to %d", int64(maxID)))
	}
	id := uint32(n)
	return &id, nil
}

// redirectName returns the default name of a tap that is redirected to the interface ifName. The name is
// the same at every start, so that a VM restored from a snapshot finds its tap. Each interface has another
// name.
func redirectName(ifName string) string {
	const prefix = "tap-"
	if len(prefix+ifName) <= maxNameLen {
		return prefix + ifName
	}
	return prefix + hashText(ifName)[:maxNameLen-len(prefix)]
}

// checkChain rejects redirect and tapName if no previous plugin of the chain made an interface, and a
// redirected tap with the name of that interface.
func (c *Config) checkChain() error {
	if c.Tap.Redirect && c.Tap.Name == c.IfName {
		return &KeyError{
			Key: "tapName", Value: strconv.Quote(c.Tap.Name), Allowed: "a name other than CNI_IFNAME",
			Err: errors.New("this is the name of the interface that the tap is redirected to"),
		}
	}
	if c.PrevResult != nil {
		return nil
	}
	if c.Tap.Redirect {
		return &KeyError{
			Key: "redirect", Value: "true",
			Allowed: "redirect in a later plugin of a chain, after the one that creates the interface",
			Err:     fmt.Errorf("no previous plugin created the interface %q", c.IfName),
		}
	}
	if c.Tap.Name != c.IfName {
		return &KeyError{
			Key: "tapName", Value: strconv.Quote(c.Tap.Name),
			Allowed: "tapName in a later plugin of a chain, or one that equals CNI_IFNAME",
			Err: fmt.Errorf("no previous plugin created %q, so the tap must have that name (CNI specification, CNI_IFNAME)",
				c.IfName),
		}
	}
	return nil
}

// redirectField is the end of the alias of a redirected tap. It is never a tapName: no interface name
// contains a colon.
const redirectField = "/:redirect"

// Parts of the name of the filters on the interface that a tap is redirected to. DEL and GC find the
// filters by this name, even if the tap no longer exists.
const (
	hookField = "/:interface" // follows the attachment
	hookQdisc = "+clsact"     // follows hookField if the plugin created the qdisc
)

// IsHook reports whether name is the name of the filters of this attachment on its interface.
func (c *Config) IsHook(name string) bool {
	return name == c.HookName(false) || name == c.HookName(true)
}

// IsHookName reports whether name is the name of the filters of any attachment on its interface.
func IsHookName(name string) bool {
	_, _, ok := splitAlias(name)
	return ok && (strings.HasSuffix(name, hookField) || MadeQdisc(name))
}

// IsRedirectFilterName reports whether name is the name of a redirect filter of any attachment, on the
// interface or on the tap.
func IsRedirectFilterName(name string) bool {
	_, _, ok := splitAlias(name)
	return IsHookName(name) || ok && strings.HasSuffix(name, redirectField)
}

// MadeQdisc reports whether the name of a filter records that the plugin created the qdisc.
func MadeQdisc(name string) bool { return strings.HasSuffix(name, hookField+hookQdisc) }

// HookName returns the name of the attachment's filters on its interface. madeQdisc records in the name
// that the plugin created the qdisc to which the filters are attached.
func (c *Config) HookName(madeQdisc bool) string {
	name := c.attachmentAlias() + hookField
	if madeQdisc {
		name += hookQdisc
	}
	return name
}
