// Package cni implements the protocol between a runtime and the plugin: environment, standard input,
// versions, signals, the result and the error object. It knows neither the kernel nor what a verb does.
package cni

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/netconf"
)

// Verbs are the functions that Main calls, one for each verb except VERSION.
type Verbs struct {
	Add                    func(args *netconf.Args, stdout FDWriter) error
	Del, Check, Status, GC func(args *netconf.Args) error
}

// Main executes the verb that the environment names (CNI specification 1.1, sections 2 and 3). It has already
// written the error that it returns.
//
// Main replaces pkg/skel of the CNI library, which checks the namespace only after the verb, prints errors
// without cniVersion, and compiles regular expressions at every start. That costs a tenth of the start of an
// empty Go program (docs/architecture.md, "Start-up").
func Main(build string, verbs Verbs) error {
	if os.Getenv("CNI_COMMAND") == "" {
		printAbout(build)
		return nil
	}
	args, err := readArgs()
	if err == nil {
		err = run(args, verbs)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrPending) {
		// The runtime may still read the result, which must not be followed by an error object. What is not
		// written yet is lost when the process exits.
		Notice("%v", Render(err))
		return err
	}
	signal.Reset() // the undo is complete: a signal may end a write of the error that has no reader
	if err := printError(args.CNIVersion(), Render(err)); err != nil {
		Notice("%v", err)
	}
	return err
}

// run reads standard input and executes the verb.
func run(args *netconf.Args, verbs Verbs) error {
	if args.Command == "VERSION" { // it has no configuration
		return printVersions(os.Stdin)
	}
	var err error
	if args.StdinData, err = io.ReadAll(os.Stdin); err != nil {
		return Kind{types.ErrIOFailure, "the runtime closed standard input too early"}.Wrap(fmt.Errorf("read standard input: %w", err))
	}
	if err := args.Validate(); err != nil {
		return err
	}
	switch args.Command {
	case "ADD":
		return verbs.Add(args, Stdout)
	case "DEL":
		return verbs.Del(args)
	case "CHECK":
		return verbs.Check(args)
	case "STATUS":
		return verbs.Status(args)
	default:
		return verbs.GC(args)
	}
}

// requiredVars returns the environment variables that a verb requires, or nil if there is no such verb.
func requiredVars(command string) []string {
	switch command {
	case "ADD", "CHECK":
		return []string{"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}
	case "DEL":
		return []string{"CNI_CONTAINERID", "CNI_IFNAME"}
	case "GC":
		return []string{"CNI_PATH"}
	case "STATUS", "VERSION":
		return []string{}
	}
	return nil
}

// tcRedirectTap is the name of another plugin. If this plugin is installed under that name, it accepts the
// configurations of that plugin.
const tcRedirectTap = "tc-redirect-tap"

// readArgs reads the environment. An error about a variable names the variable (CNI specification 1.1,
// section 5, "Error").
func readArgs() (*netconf.Args, error) {
	args := &netconf.Args{
		Command:       os.Getenv("CNI_COMMAND"),
		ContainerID:   os.Getenv("CNI_CONTAINERID"),
		Netns:         os.Getenv("CNI_NETNS"),
		NetnsOverride: os.Getenv("CNI_NETNS_OVERRIDE"),
		IfName:        os.Getenv("CNI_IFNAME"),
		Args:          os.Getenv("CNI_ARGS"),
		Path:          os.Getenv("CNI_PATH"),
	}
	if filepath.Base(os.Args[0]) == tcRedirectTap {
		args.RedirectDefaults = &netconf.RedirectDefaults{User: uint32(os.Geteuid()), Group: uint32(os.Getegid())}
	}
	needed := requiredVars(args.Command)
	if needed == nil {
		return args, &netconf.VarError{
			Var: "CNI_COMMAND", Value: args.Command, Err: errors.New("no such verb"),
			Advice: "the runtime sets it to ADD, DEL, CHECK, STATUS, GC or VERSION",
		}
	}
	missing := slices.DeleteFunc(needed, func(name string) bool { return os.Getenv(name) != "" })
	if len(missing) > 0 {
		return args, Kind{types.ErrInvalidEnvironmentVariables, "the runtime sets these environment variables"}.
			New(fmt.Sprintf("%s needs %s", args.Command, strings.Join(missing, ", ")))
	}
	if args.Path == "" && args.Command != "VERSION" { // optional: the default is the directory of this plugin
		self, err := os.Executable()
		if err != nil {
			return args, fmt.Errorf("CNI_PATH is not set, and the path of the plugin is unknown: %w", err)
		}
		args.Path = filepath.Dir(self)
		if err := os.Setenv("CNI_PATH", args.Path); err != nil { // for the IPAM plugin
			return args, fmt.Errorf("set CNI_PATH: %w", err)
		}
	}
	return args, nil
}
