// Command tap-install installs the plugin in the plugin directory of a host, or removes it. It is the entry point of
// the image. The only CNI verb that it uses is VERSION.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const usage = `tap-install [-plugin FILE] [-dir DIRECTORY] [-wait] install | remove

install  installs the plugin in the directory as "tap"; replaces an existing file atomically,
         and leaves an identical file unchanged
remove   deletes the installed file if it is this plugin

`

func main() {
	// The kernel ignores a signal to the first process of a PID namespace unless the process handles it. A command
	// that is in progress takes a few milliseconds and is completed first.
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	if err := run(os.Args[1:], end); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "tap-install: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, end <-chan os.Signal) error {
	flags := flag.NewFlagSet("tap-install", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	plugin := flags.String("plugin", defaultPluginPath(), "path of the plugin's file")
	dir := flags.String("dir", "/host/opt/cni/bin", "plugin directory of the host, as it is mounted here")
	wait := flags.Bool("wait", false, "wait for SIGTERM after the command, as required in a DaemonSet")
	if err := flags.Parse(args); err != nil {
		flags.SetOutput(os.Stderr)
		fmt.Fprint(os.Stderr, usage)
		flags.PrintDefaults()
		return err
	}
	commands := map[string]func(plugin, dir string) (string, error){"install": install, "remove": remove}
	command := commands[flags.Arg(0)]
	switch {
	case flags.NArg() == 0:
		return errors.New("missing command: want install or remove (see -h)")
	case command == nil:
		return fmt.Errorf("unknown command %q: want install or remove (see -h)", flags.Arg(0))
	case flags.NArg() > 1:
		return fmt.Errorf("unexpected argument %q after %s: flags go before the command (see -h)", flags.Arg(1), flags.Arg(0))
	}
	message, err := command(*plugin, *dir)
	if err != nil {
		return err
	}
	fmt.Println("tap-install: " + message)
	if *wait {
		<-end
	}
	return nil
}

// defaultPluginPath returns the path of the plugin in the image: the directory of this program.
func defaultPluginPath() string {
	self, err := os.Executable()
	if err != nil {
		self = "/"
	}
	return filepath.Join(filepath.Dir(self), pluginName)
}
