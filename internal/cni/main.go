// Package cni is the conversation with the runtime: environment, standard input, versions,
// signals, the result and the error. It knows no kernel, and no verb from within.
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

// Verbs are what the runtime can ask for, beside VERSION.
type Verbs struct {
	Add                    func(args *netconf.Args, stdout Stream) error
	Del, Check, Status, GC func(args *netconf.Args) error
}

// Main answers the runtime: one verb (CNI specification 1.1, sections 2 and 3).
// The error that it returns has been written already.
//
// The CNI library's skeleton does this too. It checks the namespace when the verb is
// done, prints errors without their cniVersion, and compiles regular expressions at
// every start, a tenth of an empty Go program's (docs/architecture.md, "Start-up").
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
		// The result may still be on its way, and must not be followed by an error
		// object: it dies with us.
		Notice("%v", err)
		return err
	}
	signal.Reset() // everything is undone: if nobody takes the error, a signal may kill
	if err := printError(args.CNIVersion(), Render(err)); err != nil {
		Notice("%v", err)
	}
	return err
}

// run executes the verb.
func run(args *netconf.Args, verbs Verbs) error {
	if args.Command == "VERSION" { // has no configuration
		return printVersions(os.Stdin)
	}
	var err error
	if args.StdinData, err = io.ReadAll(os.Stdin); err != nil {
		return Kind{types.ErrIOFailure, "the runtime closed standard input too early"}.Of(fmt.Errorf("read standard input: %w", err))
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

// required are the variables that a verb cannot do without; nil: no such verb.
func required(command string) []string {
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

// redirectorName is that of a plugin whose configurations this one takes under its name.
const redirectorName = "tc-redirect-tap"

// readArgs reads the environment. An error about a variable names it (section 5, "Error").
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
	if filepath.Base(os.Args[0]) == redirectorName {
		args.RedirectDefaults = &netconf.RedirectDefaults{User: uint32(os.Geteuid()), Group: uint32(os.Getegid())}
	}
	needed := required(args.Command)
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
	if args.Path == "" && args.Command != "VERSION" { // is optional: plugins are sought where this one lies
		self, err := os.Executable()
		if err != nil {
			return args, fmt.Errorf("CNI_PATH is not set, and the plugin does not know where it lies: %w", err)
		}
		args.Path = filepath.Dir(self)
		if err := os.Setenv("CNI_PATH", args.Path); err != nil { // for the IPAM plugin
			return args, fmt.Errorf("set CNI_PATH: %w", err)
		}
	}
	return args, nil
}
