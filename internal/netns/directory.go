package netns

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// localFilesystems are the types of file systems that always respond: the data is in the memory or
// on the disks of this machine. A file system of another type may depend on a process (fuse) or
// another machine (nfs). A process that waits for a reply of FUSE cannot even be killed (Linux
// 6.12, fs/fuse/dev.c, request_wait_answer).
var localFilesystems = []string{
	"bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "nsfs", "overlay", "ramfs", "rootfs", "squashfs", "tmpfs", "xfs", "zfs",
}

// openDirectory opens a directory. It rejects an untrusted one that is not local, without a request
// to its file system.
func openDirectory(dir Directory) (int, error) {
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC}
	if !dir.Untrusted {
		fd, err := openat(unix.AT_FDCWD, dir.Path, int(how.Flags))
		return fd, openError(dir.Path, err)
	}
	if err := checkLocal(dir.Path); err != nil {
		return -1, err
	}
	// A path below /proc/PID/root leads to file systems of another process, by a magic link.
	how.Resolve = unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS
	fd := -1
	err := eintr.Retry(func() error {
		var err error
		fd, err = unix.Openat2(unix.AT_FDCWD, dir.Path, &how) // since Linux 5.6
		return err
	})
	return fd, openError(dir.Path, err)
}

func openError(path string, err error) error {
	if err != nil {
		return fmt.Errorf("open directory %s: %w", path, err)
	}
	return nil
}

// checkLocal rejects a clean absolute path if it leads through a mount whose file system may not
// respond. It considers all mounts at the path, also those that a later mount hides.
func checkLocal(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("directory %s: read the list of mounts: %w", dir, err)
	}
	for line := range strings.Lines(string(mounts)) {
		point, kind := parseMount(line)
		if contains(point, dir) && !slices.Contains(localFilesystems, kind) {
			return fmt.Errorf("directory %s: %s is a file system of type %q, which may not respond", dir, point, kind)
		}
	}
	return nil
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
