package netconf

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameLen is IFNAMSIZ minus the terminating NUL (include/uapi/linux/if.h).
const maxNameLen = 15

// tapName returns the tap's final name. It is TC_REDIRECT_TAP_NAME (only with redirect) or the key tapName
// if set; otherwise it is CNI_IFNAME, or a name derived from CNI_IFNAME with redirect. If the requested
// name is invalid, tapName returns an error and the name without it, which DEL uses.
func (in *input) tapName(redirect bool) (string, error) {
	const allowed = "an interface name of at most 15 bytes"
	ifName := in.args.IfName
	if redirect {
		cniArgs, err := in.cniArgs()
		if err != nil {
			return ifName, err
		}
		if name := string(cniArgs.TC_REDIRECT_TAP_NAME); name != "" {
			if err := checkInterfaceName(name); err != nil {
				return ifName, in.cniArgsError(fmt.Errorf("TC_REDIRECT_TAP_NAME: %w", err), "allowed: "+allowed)
			}
			return name, nil
		}
		if ifName != "" { // empty for STATUS
			ifName = redirectName(ifName)
		}
	}
	var name string
	if err := decode("tapName", in.TapName, &name, allowed); err != nil || name == "" {
		return ifName, err
	}
	if err := checkInterfaceName(name); err != nil {
		return ifName, &KeyError{Key: "tapName", Value: truncate(in.TapName), Allowed: allowed, Err: err}
	}
	return name, nil
}

// checkInterfaceName rejects names that the kernel rejects (Linux 6.12, net/core/dev.c, dev_valid_name;
// net/core/sysctl_net_core.c, sysctl_dev_name_is_allowed) and names with '%', which the kernel expands
// (dev_alloc_name).
func checkInterfaceName(name string) error {
	if err := checkSpecifiedName(name); err != nil {
		return err
	}
	switch {
	case name == "all" || name == "default":
		return errors.New("the name is reserved by the kernel")
	case strings.ContainsRune(name, '%'):
		return errors.New("an interface name with % is a pattern that the kernel expands")
	}
	if !utf8.ValidString(name) {
		return errors.New("an interface name that is not UTF-8 cannot be written into the result")
	}
	for i := range len(name) {
		if isReserved(name[i]) {
			return fmt.Errorf("an interface name cannot contain %+q", name[i:i+1])
		}
	}
	return nil
}

// checkSpecifiedName rejects names that the CNI specification does not allow for an interface (1.1,
// section 2, "Parameters").
func checkSpecifiedName(name string) error {
	switch {
	case name == "":
		return errors.New("an interface name cannot be empty")
	case len(name) > maxNameLen:
		return fmt.Errorf("an interface name has at most %d bytes, not %d", maxNameLen, len(name))
	case name == "." || name == "..":
		return errors.New("the name is reserved by the kernel")
	}
	for _, r := range name {
		if r == '/' || r == ':' || unicode.IsSpace(r) {
			return fmt.Errorf("an interface name cannot contain %+q", string(r))
		}
	}
	return nil
}

// isReserved reports whether the kernel does not allow b in an interface name: white space as in its
// isspace (lib/ctype.c: 0xa0 is included), '/', ':', and NUL, which would end the name.
func isReserved(b byte) bool {
	return b == 0 || b >= '\t' && b <= '\r' || b == ' ' || b == 0xa0 || b == '/' || b == ':'
}
