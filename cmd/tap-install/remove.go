package main

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// pluginPackage is the main package that the Go toolchain records in every build of the plugin.
const pluginPackage = "tap/cmd/tap"

// remove deletes dir/tap if it is any version of this plugin, and returns a message.
func remove(_, dir string) (string, error) {
	if err := removeStaleTemp(dir); err != nil {
		return "", err
	}
	target := filepath.Join(dir, pluginName)
	info, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return target + " does not exist", nil
	}
	if err != nil {
		return "", fmt.Errorf("check the installed plugin: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is unchanged: it is not a regular file, so this program did not install it", target)
	}
	if build, err := buildinfo.ReadFile(target); err != nil || build.Path != pluginPackage {
		return "", fmt.Errorf("%s is unchanged: it is another plugin", target)
	}
	if err := os.Remove(target); err != nil {
		return "", fmt.Errorf("delete the plugin: %w", withAccess(err, dir))
	}
	if err := syncDir(dir); err != nil {
		return "", err
	}
	return "removed " + target, nil
}
