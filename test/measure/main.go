package measure

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tap/test/isolate"
)

// Main is the main function of a program that measures. It calls run on a machine of its own (package isolate), prints its error under
// the program's name, and exits. A signal cancels ctx.
func Main(name string, run func(ctx context.Context) error) {
	if os.Geteuid() != 0 {
		fmt.Fprintf(os.Stderr, "%s: run as root: it makes network namespaces and devices\n", name)
		os.Exit(1)
	}
	os.Exit(isolate.Run(func() int { return measure(name, run) }))
}

func measure(name string, run func(ctx context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills
	defer stop()
	err := run(ctx)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(os.Stderr, "%s: interrupted; nothing was written\n", name)
		return 130
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

// Programs is the folder with the programs to be measured, where this one lies too. It is
// an error if there is no directory docs for the document.
func Programs(docs string) (string, error) {
	if info, err := os.Stat(docs); err != nil || !info.IsDir() {
		return "", fmt.Errorf("-docs %s is not a folder", docs)
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the programs: %w", err)
	}
	return filepath.Dir(self), nil
}
