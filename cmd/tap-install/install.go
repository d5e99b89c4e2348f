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

// pluginName is the plugin's, by which configurations call it.
const pluginName = "tap"

// tempPrefix is the beginning of a name beside the plugin's that nobody calls.
const tempPrefix = ".tap-install-"

// pluginMode is that of a regular file that everybody may execute.
const pluginMode = fs.FileMode(0o755)

// install makes dir/tap the plugin, and says what it did. Runtimes may run the plugin
// all the while: they find the old file or the new one, whole and open to nobody for
// writing (else executing it would fail, ETXTBSY).
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
		return target + " is this plugin already", nil
	}
	temp, err := writeTemp(dir, binary)
	if err != nil {
		return "", fmt.Errorf("write into %s: %w", dir, withAccess(err, dir))
	}
	defer os.Remove(temp) //nolint:errcheck // it is gone where all went well
	if err := verify(temp); err != nil {
		return "", fmt.Errorf("%w; %s was left as it is", err, target)
	}
	if err := os.Rename(temp, target); err != nil {
		return "", fmt.Errorf("put the plugin in its place: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return "", err
	}
	return target + " is this plugin now", nil
}

// isInstalled says whether a file is the plugin as an installer leaves it: executed by
// everybody, written by nobody else. A link is not: in a container it would be followed
// to somewhere else than on the host.
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

// writeTemp writes the plugin to the disk under a name of its own. A power cut after
// the renaming must not leave an empty file of the plugin's name.
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

// removeStaleTemp deletes what an installer left that was killed. Another may be at work, but
// none for an hour.
func removeStaleTemp(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the plugin folder: %w; is it the host's, mounted here? -dir names another", err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), tempPrefix) {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(dir, entry.Name())) // it stays in nobody's way
		}
	}
	return nil
}

// syncDir writes the folder's names to the disk.
func syncDir(dir string) error {
	directory, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the plugin folder: %w", err)
	}
	defer directory.Close()
	if err := directory.Sync(); err != nil {
		return fmt.Errorf("write the plugin folder to the disk: %w", err)
	}
	return nil
}
