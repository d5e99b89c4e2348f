package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// pluginName is the file name of the installed plugin. It must equal "type" in network configurations.
const pluginName = "tap"

// tempPrefix is the prefix of the names of temporary files during installation. No configuration uses them.
const tempPrefix = ".tap-install-"

// pluginMode is the mode of the installed plugin: a regular file that every user can execute.
const pluginMode = fs.FileMode(0o755)

// install installs the plugin as dir/tap and returns a message. Runtimes may execute the plugin at any time:
// they find either the old or the new file, complete and not open for writing. (The kernel refuses to execute a
// file that is open for writing, ETXTBSY.)
func install(plugin, dir string) (string, error) {
	binary, err := os.ReadFile(plugin)
	if err != nil {
		return "", fmt.Errorf("read the plugin: %w", err)
	}
	if err := removeStaleTemp(dir); err != nil {
		return "", err
	}
	target := filepath.Join(dir, pluginName)
	same, err := isInstalled(target, binary)
	if err != nil {
		return "", fmt.Errorf("compare %s with the plugin: %w", target, err)
	}
	if same {
		return target + " is up to date", nil
	}
	temp, err := writeTemp(dir, binary)
	if err != nil {
		return "", fmt.Errorf("write to %s: %w", dir, withAccess(err, dir))
	}
	defer os.Remove(temp) //nolint:errcheck // fails after the file was renamed
	if err := verify(temp); err != nil {
		return "", fmt.Errorf("%w; %s is unchanged", err, target)
	}
	if err := os.Rename(temp, target); err != nil {
		return "", fmt.Errorf("replace %s: %w", target, err)
	}
	if err := syncDir(dir); err != nil {
		return "", err
	}
	return "installed " + target, nil
}

// isInstalled reports whether path is the plugin as this program installs it: a regular file with the same content
// and mode, owned by the current user. A link does not count: it can have another target in the container than on
// the host.
func isInstalled(path string, binary []byte) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || info.Mode() != pluginMode || info.Size() != int64(len(binary)) {
		return false, err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != uint32(os.Geteuid()) {
		return false, nil
	}
	installed, err := os.ReadFile(path)
	return bytes.Equal(installed, binary), err
}

// writeTemp writes the plugin to a temporary file in dir, syncs it and returns its path. Without the sync, a power
// failure after the rename could leave an empty file under the plugin's name.
func writeTemp(dir string, binary []byte) (string, error) {
	file, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return "", err
	}
	_, err = file.Write(binary)
	if err == nil {
		err = file.Chmod(pluginMode)
	}
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// removeStaleTemp deletes temporary files of installations that were killed. It keeps files that are not older than an
// hour: another installation may be in progress.
func removeStaleTemp(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the plugin directory: %w; mount the host's directory there, or set -dir", err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), tempPrefix) {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(dir, entry.Name())) // a file that remains does no harm
		}
	}
	return nil
}

// syncDir writes the entries of the directory to the disk.
func syncDir(dir string) error {
	directory, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the plugin directory: %w", err)
	}
	defer directory.Close()
	if err := directory.Sync(); err != nil {
		return fmt.Errorf("sync the plugin directory: %w", err)
	}
	return nil
}
