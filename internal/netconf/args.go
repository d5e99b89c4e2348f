package netconf

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// Args is the input of a verb (CNI specification 1.1, section 2, "Parameters").
type Args struct {
	Command       string // CNI_COMMAND
	ContainerID   string // CNI_CONTAINERID
	Netns         string // CNI_NETNS
	NetnsOverride string // CNI_NETNS_OVERRIDE
	IfName        string // CNI_IFNAME
	Args          string // CNI_ARGS
	Path          string // CNI_PATH
	StdinData     []byte // the network configuration
	// RedirectDefaults is set if the plugin was invoked as tc-redirect-tap, and makes it compatible
	// with that plugin: redirect defaults to true and unknown CNI_ARGS are accepted.
	RedirectDefaults *RedirectDefaults

	in *input // nil until decode is called
}

// RedirectDefaults holds the owner and group of a tap if neither the configuration nor CNI_ARGS set
// them: tc-redirect-tap uses the user and group that it runs as.
type RedirectDefaults struct{ User, Group uint32 }

// VersionError reports a cniVersion that the plugin does not support, or that does not have the verb.
type VersionError struct {
	Version string // as written in the configuration
	Command string // the verb; empty if the plugin does not support the version
}

func (e *VersionError) Error() string {
	if e.Command == "" {
		return fmt.Sprintf("incompatible CNI versions: cniVersion %q is not supported", e.Version)
	}
	return fmt.Sprintf("incompatible CNI versions: cniVersion %q does not support %s", e.Version, e.Command)
}

// CNI returns the error code and the advice for the runtime.
func (e *VersionError) CNI() (uint, string) {
	supported := strings.Join(version.All.SupportedVersions(), ", ")
	return types.ErrIncompatibleCNIVersion,
		"the plugin supports " + supported + "; CHECK needs 0.4.0 or later, STATUS and GC need 1.1.0"
}

// Validate checks what every verb needs: names that the specification allows, and a cniVersion that
// has the verb. Its error is a *[VarError], a *[KeyError] or a *[VersionError], or wraps
// [ErrUndecodable].
func (a *Args) Validate() error {
	switch a.Command {
	case "ADD", "DEL", "CHECK":
		if err := a.checkAttachment(); err != nil {
			return err
		}
	}
	in, err := a.decode()
	if err != nil {
		return err
	}
	if !isIdentifier(in.Name) {
		return &KeyError{
			Key: "name", Value: truncate([]byte(strconv.Quote(in.Name))), Allowed: identifierChars,
			Err: errors.New("the network name is missing or has invalid characters"),
		}
	}
	return in.checkVersion(a.Command)
}

// checkAttachment validates CNI_CONTAINERID and CNI_IFNAME.
func (a *Args) checkAttachment() error {
	if !isIdentifier(a.ContainerID) {
		return &VarError{
			Var: "CNI_CONTAINERID", Value: a.ContainerID, Err: errors.New("invalid characters"),
			Advice: "the runtime must set a container ID of " + identifierChars,
		}
	}
	if err := checkSpecifiedName(a.IfName); err != nil {
		return ifNameError(a.IfName, err)
	}
	return nil
}

// CNIVersion returns the cniVersion of the configuration. It returns the latest version if the plugin
// does not support that one, or if the configuration cannot be decoded.
func (a *Args) CNIVersion() string {
	in, err := a.decode()
	if err != nil || !slices.Contains(version.All.SupportedVersions(), in.CNIVersion) {
		return version.Current()
	}
	return in.CNIVersion
}

// checkVersion rejects a verb that the cniVersion of the configuration does not have (CNI
// specification, "Version considerations").
func (raw *rawConfig) checkVersion(command string) error {
	if !slices.Contains(version.All.SupportedVersions(), raw.CNIVersion) {
		return &VersionError{Version: raw.CNIVersion}
	}
	since := "0.1.0"
	switch command {
	case "CHECK":
		since = "0.4.0"
	case "GC", "STATUS":
		since = "1.1.0"
	}
	known, err := version.GreaterThanOrEqualTo(raw.CNIVersion, since)
	if err != nil {
		return fmt.Errorf("configuration: cniVersion: %w: %w", ErrUndecodable, err)
	}
	if !known {
		return &VersionError{Version: raw.CNIVersion, Command: command}
	}
	return nil
}

const identifierChars = "letters, digits, dots, hyphens and underscores, beginning with a letter or a digit"

// isIdentifier reports whether s is valid as a network name and as a container ID (CNI specification
// 1.1, section 1, "Configuration format", and section 2, "Parameters").
func isIdentifier(s string) bool {
	const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && strings.Contains(first, s[:1]) && strings.Trim(s, first+"_.-") == ""
}

// ifNameError returns the error for an invalid CNI_IFNAME.
func ifNameError(name string, err error) error {
	return &VarError{
		Var: "CNI_IFNAME", Value: name, Err: err,
		Advice: "choose another interface name, in the runtime's configuration or in the call of the runtime",
	}
}
