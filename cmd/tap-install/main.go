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

const usage = `tap-install [-plugin FILE] [-dir FOLDER] [-wait] install | remove

install  puts the plugin into the folder as "tap", in one step: what was there is replaced,
         an identical file is left alone
remove   deletes it, if it is this plugin

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
	plugin := flags.String("plugin", defaultPluginPath(), "the plugin's file")
	dir := flags.String("dir", "/host/opt/cni/bin", "the host's plugin folder, as it is seen here")
	wait := flags.Bool("wait", false, "afterwards wait for SIGTERM, as a DaemonSet's container has to")
	if err := flags.Parse(args); err != nil {
		flags.SetOutput(os.Stderr)
		fmt.Fprint(os.Stderr, usage)
		flags.PrintDefaults()
		return err
	}
	command := map[string]func(plugin, dir string) (string, error){"install": install, "remove": remove}[flags.Arg(0)]
	switch {
	case flags.NArg() == 0:
		return errors.New("what is to be done? install or remove; -h tells more")
	case command == nil:
		return fmt.Errorf("%q: no such verb; install or remove; -h tells more", flags.Arg(0))
	case flags.NArg() > 1:
		return fmt.Errorf("%q behind %s: flags go before the verb, and nothing behind it; -h tells more", flags.Arg(1), flags.Arg(0))
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
