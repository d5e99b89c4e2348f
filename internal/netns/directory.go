package netns

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// localFilesystems are the types of file systems that respond: the data is in the memory or on the
// disks of this machine. A file system of another type may depend on a process (fuse) or
// another machine (nfs). A process that waits for a reply of FUSE cannot even be killed (Linux
// 6.12, fs/fuse/dev.c, request_wait_answer).
var localFilesystems = []string{
	"bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "nsfs", "overlay", "ramfs", "rootfs", "squashfs", "tmpfs", "xfs", "zfs",
}

// openDirectory opens a directory, an untrusted one without following links.
func openDirectory(dir Directory) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	if !dir.Untrusted {
		fd, err := openat(unix.AT_FDCWD, dir.Path, flags|unix.O_NOFOLLOW)
		return fd, openError(dir.Path, err)
	}
	// A path below /proc/PID/root leads to file systems of another process, by a magic link.
	how := unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS}
	fd := -1
	err := eintr.Retry(func() error {
		var err error
		fd, err = unix.Openat2(unix.AT_FDCWD, dir.Path, &how) // since Linux 5.6
		return err
	})
	return fd, openError(dir.Path, err)
}

func openError(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ELOOP): // openat2(2), RESOLVE_NO_SYMLINKS
		return fmt.Errorf("open directory %s: the path contains a symbolic link: %w", path, err)
	}
	return fmt.Errorf("open directory %s: %w", path, err)
}

// mount is a mount point and the type of its file system.
type mount struct{ point, kind string }

// mounts lists the mounts whose file system may not respond. They are read when check is first called.
type mounts struct {
	list []mount
	read bool
}

// check rejects a clean absolute path that leads through one of the mounts, without a request to a
// file system. It considers all mounts at the path, also those that a later mount hides.
func (m *mounts) check(dir string) error {
	if !m.read {
		text, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			return fmt.Errorf("directory %s: read the list of mounts: %w", dir, err)
		}
		m.list, m.read = unresponsive(string(text)), true
	}
	for _, mount := range m.list {
		if contains(mount.point, dir) {
			return fmt.Errorf("directory %s: the file system %q at %s may not respond (allowed: %s)",
				dir, mount.kind, mount.point, strings.Join(localFilesystems, ", "))
		}
	}
	return nil
}

// unresponsive returns the mounts in the text of mountinfo whose file system may not respond.
func unresponsive(mountinfo string) []mount {
	var list []mount
	for line := range strings.Lines(mountinfo) {
		if point, kind := parseMount(line); !slices.Contains(localFilesystems, kind) {
			list = append(list, mount{point, kind})
		}
	}
	return list
}

// parseMount returns the mount point and the type of the file system in a line of mountinfo (proc_pid_mountinfo(5)).
func parseMount(line string) (string, string) {
	const pointField = 4 // the fifth
	before, after, _ := strings.Cut(line, " - ")
	fields := strings.Fields(before)
	kind, _, _ := strings.Cut(after, " ")
	if len(fields) <= pointField {
		return "", kind
	}
	return unescape(fields[pointField]), kind
}

// unescape replaces \ooo, the octal form of space, tab, newline and backslash in mountinfo.
func unescape(field string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(field, `\`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		const digits = 3
		char, err := strconv.ParseUint(after[:min(digits, len(after))], 8, 8)
		if err != nil || len(after) < digits {
			b.WriteString(`\` + after)
			return b.String()
		}
		b.WriteByte(byte(char))
		field = after[digits:]
	}
}

// contains reports whether a clean absolute path is in a directory, or is the directory.
func contains(directory, file string) bool {
	return directory == "/" || file == directory || strings.HasPrefix(file, path.Clean(directory)+"/")
}
