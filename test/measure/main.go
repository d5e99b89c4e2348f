package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Main is that of a program which measures: it runs until a signal interrupts it, and
// says under the program's name what went wrong.
func Main(name string, run func(ctx context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills
	err := run(ctx)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(os.Stderr, "%s: interrupted; nothing was written\n", name)
		os.Exit(130)
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Programs is the folder with the programs to be measured, where this one lies too. It is
// an error where nothing can be measured, or where there is no such folder for the document.
func Programs(docs string) (string, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("run as root: it makes network namespaces and devices")
	}
	if info, err := os.Stat(docs); err != nil || !info.IsDir() {
		return "", fmt.Errorf("-docs %s is not a folder", docs)
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the programs: %w", err)
	}
	return filepath.Dir(self), nil
}
