// Demo shows the plugin's main job on a real namespace: it makes a tap in a
// pod as a runtime does, lets an unprivileged guest attach to it, moves traffic,
// and takes everything down again. It needs root, and leaves nothing behind,
// however it ends: it runs on a machine of its own (package isolate).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tap/test/isolate"
)

func main() {
	if os.Geteuid() != 0 {
		newScreen(os.Stdout).bad("run as root: it makes network namespaces and devices")
		os.Exit(1)
	}
	os.Exit(isolate.Run(demonstrate))
}

func demonstrate() int {
	// SIGPIPE: whoever read the output has gone.
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGPIPE)
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE) // still no reason to die before all is taken down
	context.AfterFunc(ctx, stop)                         // a second Ctrl-C kills
	defer stop()
	return run(ctx)
}

func run(ctx context.Context) int {
	out := newScreen(os.Stdout)
	err := show(ctx, out)
	switch {
	case ctx.Err() != nil:
		out.bad("interrupted; everything was taken down again")
		return 130
	case err != nil:
		out.bad(err.Error())
		return 1
	}
	return 0
}

func show(ctx context.Context, out *screen) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the programs: %w", err)
	}
	d, err := newDemo(ctx, out, filepath.Dir(self))
	if err != nil {
		return err
	}
	err = d.play()
	return errors.Join(err, d.close())
}
