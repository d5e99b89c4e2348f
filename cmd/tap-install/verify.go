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

// verify asks the plugin its versions, from where it is going to be: that file system
// may forbid execution, and the image may be another machine's.
func verify(plugin string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, plugin)
	cmd.Env = []string{"CNI_COMMAND=VERSION", "CNI_PATH=" + filepath.Dir(plugin)}
	cmd.Stdin = strings.NewReader(`{"cniVersion": "1.1.0"}`)
	cmd.WaitDelay = time.Second // for what holds its output, if it starts anything
	out, err := cmd.Output()
	advice := ""
	var exit *exec.ExitError
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		advice = "; the plugin is for another kind of processor"
	case errors.Is(err, fs.ErrPermission):
		advice = "; the folder may be on a file system that is mounted noexec"
	case errors.As(err, &exit):
		advice = "; it said: " + strings.TrimSpace(string(out)+string(exit.Stderr))
	}
	if err != nil {
		return fmt.Errorf("run the plugin: %w%s", err, advice)
	}
	var answer struct{ SupportedVersions []string }
	if err := json.Unmarshal(out, &answer); err != nil || len(answer.SupportedVersions) == 0 {
		return fmt.Errorf("run the plugin: its answer to VERSION is not one: %q", out)
	}
	return nil
}

// withAccess adds to a refusal what the folder is like. A file system that is full or read
// only says so itself.
func withAccess(err error, dir string) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w; %s", err, describeOwner(dir))
}

// describeOwner says who may write into a folder, which root without capabilities may not
// always.
func describeOwner(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return "there is no such folder: is the host's mounted here?"
	}
	owner := "somebody"
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = fmt.Sprintf("user %d", stat.Uid)
	}
	return fmt.Sprintf("the folder is %s of %s, and this is user %d", info.Mode(), owner, os.Geteuid())
}
