package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/utils"
	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"
)

// What the specification demands of the conversation with the runtime, and the
// CNI library's skeleton does not do.

// Environment completes and checks what the skeleton looks at next: CNI_PATH is
// optional (specification 1.1, section 2), and an error about a variable names it
// (section 5, "Error").
func Environment() *types.Error {
	if os.Getenv("CNI_PATH") == "" && os.Getenv("CNI_COMMAND") != "GC" { // which requires it
		if err := defaultPath(); err != nil {
			return types.NewError(types.ErrInternal, err.Error(), "set CNI_PATH")
		}
	}
	switch os.Getenv("CNI_COMMAND") {
	case "ADD", "DEL", "CHECK":
	default:
		return nil // the others have no attachment
	}
	for _, variable := range []struct {
		name  string
		check func(string) *types.Error
	}{
		{"CNI_CONTAINERID", utils.ValidateContainerID},
		{"CNI_IFNAME", utils.ValidateInterfaceName},
	} {
		value := os.Getenv(variable.name)
		if value == "" {
			continue // the skeleton lists what is missing
		}
		if err := variable.check(value); err != nil {
			return types.NewError(err.Code, fmt.Sprintf("%s=%q: %s", variable.name, value, err.Msg), err.Details)
		}
	}
	return nil
}

// defaultPath seeks plugins where this one lies.
func defaultPath() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("CNI_PATH is not set, and the plugin does not know where it lies: %w", err)
	}
	return os.Setenv("CNI_PATH", filepath.Dir(self))
}

// Versions answers VERSION. Its cniVersion is that of the question, not the latest.
type Versions struct{ version.PluginInfo }

// Encode writes the answer to what is asked on standard input.
func (v Versions) Encode(w io.Writer) error {
	return json.NewEncoder(w).Encode(struct {
		CNIVersion        string   `json:"cniVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	}{askedVersion(os.Stdin), v.SupportedVersions()})
}

// askedVersion waits a moment only: people run VERSION without any input.
func askedVersion(stdin *os.File) string {
	const patience = time.Second
	var asked struct {
		CNIVersion string `json:"cniVersion"`
	}
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(stdin.Fd()), Events: unix.POLLIN}}, int(patience.Milliseconds()))
	if err == nil && ready == 1 {
		err = json.NewDecoder(stdin).Decode(&asked)
	}
	if err != nil || asked.CNIVersion == "" { // nobody asked for one
		return current.ImplementedSpecVersion
	}
	return asked.CNIVersion
}

// Speaking notes in spoken the cniVersion of the configuration that a verb is given.
func Speaking(spoken *string, verb func(*skel.CmdArgs) error) func(*skel.CmdArgs) error {
	return func(args *skel.CmdArgs) error {
		decoder := version.ConfigDecoder{}
		if asked, err := decoder.Decode(args.StdinData); err == nil { // the skeleton has decoded it before
			*spoken = asked
		}
		return verb(args)
	}
}

// advice is for the errors of the library's skeleton, which has none.
var advice = map[uint]string{
	types.ErrIncompatibleCNIVersion:      "CHECK needs cniVersion 0.4.0 or later, STATUS and GC need 1.1.0; VERSION lists what the plugin knows",
	types.ErrInvalidEnvironmentVariables: "the runtime sets these variables; CNI_COMMAND is ADD, DEL, CHECK, STATUS, GC or VERSION",
	types.ErrDecodingFailure:             "standard input must be the network configuration, a JSON object",
	types.ErrInvalidNetworkConfig:        "the network configuration must have a name of letters, digits, dots, hyphens and underscores",
	types.ErrIOFailure:                   "the runtime closed standard input or output too early",
}

// PrintError writes the one error that a runtime reads, and a person behind it: what
// is longer than that person would read loses its middle. The library's own writing
// leaves out the cniVersion.
func PrintError(w io.Writer, spoken string, e *types.Error) error {
	if spoken == "" { // the error came before the configuration
		spoken = current.ImplementedSpecVersion
	}
	details := e.Details
	if details == "" {
		details = advice[e.Code]
	}
	data, err := json.MarshalIndent(struct {
		CNIVersion string `json:"cniVersion"`
		Code       uint   `json:"code"`
		Msg        string `json:"msg"`
		Details    string `json:"details"`
	}{spoken, e.Code, shorten(e.Msg), shorten(details)}, "", "    ")
	if err == nil {
		_, err = w.Write(append(data, '\n'))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the error: %w", err), e)
	}
	return nil
}

// shorten keeps the beginning, which says what was attempted, and the end, where the
// cause is.
func shorten(text string) string {
	const head, tail = 3 << 10, 1 << 10 // bytes
	if len(text) <= head+tail {
		return text
	}
	return strings.ToValidUTF8(text[:head], "") + " … " + strings.ToValidUTF8(text[len(text)-tail:], "")
}
