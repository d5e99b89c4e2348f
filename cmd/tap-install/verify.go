package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// verify runs VERSION with the plugin in the directory in which it will be installed: the file system may be mounted
// with noexec, and the image may be for another architecture.
func verify(plugin string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, plugin)
	cmd.Env = []string{"CNI_COMMAND=VERSION", "CNI_PATH=" + filepath.Dir(plugin)}
	cmd.Stdin = strings.NewReader(`{"cniVersion": "1.1.0"}`)
	cmd.WaitDelay = time.Second // limits the wait if a child keeps the output open
	out, err := cmd.Output()
	advice := ""
	var exit *exec.ExitError
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		advice = "; the plugin is built for another architecture"
	case errors.Is(err, fs.ErrPermission):
		advice = "; the file system of the directory may be mounted with noexec"
	case errors.As(err, &exit):
		advice = "; output: " + strings.TrimSpace(string(out)+string(exit.Stderr))
	}
	if err != nil {
		return fmt.Errorf("run the plugin: %w%s", err, advice)
	}
	var answer struct{ SupportedVersions []string }
	if err := json.Unmarshal(out, &answer); err != nil || len(answer.SupportedVersions) == 0 {
		return fmt.Errorf("run the plugin: invalid answer to VERSION: %q", out)
	}
	return nil
}

// withAccess adds the owner and mode of the directory to an error if they can be its cause. The error of a file system
// that is full or read-only needs no explanation.
func withAccess(err error, dir string) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w; %s", err, describeOwner(dir))
}

// describeOwner describes who can write to a directory: root without capabilities may not be able to.
func describeOwner(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return "the directory does not exist: mount the host's directory there"
	}
	owner := "an unknown user"
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = fmt.Sprintf("user %d", stat.Uid)
	}
	return fmt.Sprintf("the directory has mode %s and belongs to %s, but this process runs as user %d",
		info.Mode(), owner, os.Geteuid())
}
