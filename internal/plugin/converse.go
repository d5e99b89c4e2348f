package plugin

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

// Converse answers the runtime: one verb (CNI specification 1.1, sections 2 and 3).
// The error that it returns has been written already.
//
// The CNI library's skeleton does this too. It checks the namespace when the verb is
// done, prints errors without their cniVersion, and compiles regular expressions at
// every start, a tenth of an empty Go program's (docs/architecture.md, "Start-up").
func Converse(build string) error {
	if os.Getenv("CNI_COMMAND") == "" {
		introduce(build)
		return nil
	}
	args, err := readArgs()
	if err == nil {
		err = run(args)
	}
	if err == nil {
		return nil
	}
	signal.Reset() // everything is undone: if nobody takes the error, a signal may kill
	if err := printError(args.CNIVersion(), asCNI(err)); err != nil {
		notice("%v", err)
	}
	return err
}

// run executes the verb.
func run(args *netconf.Args) error {
	if args.Command == "VERSION" { // has no configuration
		return cniError(printVersions(os.Stdin))
	}
	var err error
	if args.StdinData, err = io.ReadAll(os.Stdin); err != nil {
		return cniError(about(errStdin, fmt.Errorf("read standard input: %w", err)))
	}
	if err := args.Validate(); err != nil {
		return cniError(err)
	}
	switch args.Command {
	case "ADD":
		return Add(args, Stdout)
	case "DEL":
		return Del(args)
	case "CHECK":
		return Check(args)
	case "STATUS":
		return Status(args)
	default:
		return GC(args)
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
		args.Redirector = &netconf.Redirector{User: uint32(os.Geteuid()), Group: uint32(os.Getegid())}
	}
	needed := required(args.Command)
	if needed == nil {
		return args, cniError(&netconf.VarError{
			Var: "CNI_COMMAND", Value: args.Command, Err: errors.New("no such verb"),
			Advice: "the runtime sets it to ADD, DEL, CHECK, STATUS, GC or VERSION",
		})
	}
	missing := slices.DeleteFunc(needed, func(name string) bool { return os.Getenv(name) != "" })
	if len(missing) > 0 {
		return args, types.NewError(types.ErrInvalidEnvironmentVariables,
			fmt.Sprintf("%s needs %s", args.Command, strings.Join(missing, ", ")), "the runtime sets these environment variables")
	}
	if args.Path == "" && args.Command != "VERSION" { // is optional: plugins are sought where this one lies
		self, err := os.Executable()
		if err != nil {
			return args, cniError(fmt.Errorf("CNI_PATH is not set, and the plugin does not know where it lies: %w", err))
		}
		args.Path = filepath.Dir(self)
		if err := os.Setenv("CNI_PATH", args.Path); err != nil { // for the IPAM plugin
			return args, cniError(fmt.Errorf("set CNI_PATH: %w", err))
		}
	}
	return args, nil
}
