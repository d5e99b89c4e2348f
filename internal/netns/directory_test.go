package netns

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseMount(t *testing.T) {
	tests := []struct{ name, line, point, kind string }{
		{"tmpfs", "33 22 0:28 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,mode=755\n", "/run", "tmpfs"},
		{"without optional fields", "33 22 0:28 / /mnt rw - fuse.sshfs host:/ rw\n", "/mnt", "fuse.sshfs"},
		{"escaped", `33 22 0:28 / /a\040b\134c rw - nfs4 server:/ rw`, `/a b\c`, "nfs4"},
		{"with a dash in the name", "33 22 0:28 / /a-b rw - ext4 /dev/sda rw\n", "/a-b", "ext4"},
		{"escape cut off", `33 22 0:28 / /a\04 rw - ext4 /dev/sda rw`, `/a\04`, "ext4"},
		{"empty", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if point, kind := parseMount(tt.line); point != tt.point || kind != tt.kind {
				t.Errorf("parseMount\nwant %s, %s\ngot  %s, %s", tt.point, tt.kind, point, kind)
			}
		})
	}
}

func FuzzParseMount(f *testing.F) {
	f.Add(`33 22 0:28 / /a\040b rw,nosuid shared:5 - fuse.sshfs host:/ rw`)
	f.Fuzz(func(t *testing.T, line string) {
		point, _ := parseMount(line)
		if len(point) > len(line) {
			t.Errorf("mount point of %q\nwant at most as long\ngot  %q", line, point)
		}
	})
}

func TestContains(t *testing.T) {
	tests := []struct {
		directory, file string
		want            bool
	}{
		{"/", "/run/netns", true},
		{"/run", "/run/netns", true},
		{"/run/netns", "/run/netns", true},
		{"/run/net", "/run/netns", false},
		{"/run/netns/pod", "/run/netns", false},
		{"", "/run/netns", false},
	}
	for _, tt := range tests {
		if got := contains(tt.directory, tt.file); got != tt.want {
			t.Errorf("contains(%q, %q)\nwant %v\ngot  %v", tt.directory, tt.file, tt.want, got)
		}
	}
}

func TestOpenUntrustedDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := new(mounts).check(dir); err != nil {
		t.Fatalf("the temporary directory is not on a local file system: %v", err)
	}
	target := filepath.Join(dir, "real")
	for _, err := range []error{os.MkdirAll(filepath.Join(target, "netns"), 0o700), os.Symlink(target, filepath.Join(dir, "link"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, path string
		want       error
		text       string
	}{
		{"directory", filepath.Join(target, "netns"), nil, ""},
		{"missing", filepath.Join(dir, "missing"), fs.ErrNotExist, ""},
		{"through a symbolic link", filepath.Join(dir, "link", "netns"), unix.ELOOP, ""},
		{"symbolic link", filepath.Join(dir, "link"), unix.ELOOP, ""},
		{"through a process", "/proc/self/root" + target, nil, `file system "proc" at /proc may not respond`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := new(mounts).check(tt.path)
			if err == nil {
				var fd int
				if fd, err = openDirectory(Directory{Path: tt.path, Untrusted: true}); err == nil {
					unix.Close(fd) //nolint:errcheck // nothing was written
				}
			}
			if tt.text != "" && (err == nil || !strings.Contains(err.Error(), tt.text)) || tt.text == "" && !errors.Is(err, tt.want) {
				t.Errorf("openDirectory\nwant %v%s\ngot  %v", tt.want, tt.text, err)
			}
		})
	}
}

func TestWalkBindMountsContinuesAfterAnError(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	visits := 0
	dirs := []Directory{{Path: plain}, {Path: "/nonexistent"}, {Path: "/proc/self/ns"}} // links to namespaces, which are not followed
	err := WalkBindMounts(dirs, time.Minute, func(*Sandbox) { visits++ })
	if !errors.Is(err, unix.ENOTDIR) || visits != 0 {
		t.Errorf("WalkBindMounts\nwant %v, no namespace\ngot  %v, %d", unix.ENOTDIR, err, visits)
	}
}

func TestWalkOfAnUnresponsiveDirectory(t *testing.T) {
	w := newWalk() // without a goroutine: nothing is ever found
	path := "/mnt/hangs"
	w.current.Store(&path)
	err := w.receive(time.Millisecond, func(*Sandbox) { t.Error("visited") })
	if !errors.Is(err, ErrUnresponsive) || !strings.Contains(err.Error(), path) {
		t.Errorf("receive\nwant %v, with %s\ngot  %v", ErrUnresponsive, path, err)
	}
}

// The time that visit takes is not waiting for a directory.
func TestWalkDoesNotCountVisits(t *testing.T) {
	const patience = 100 * time.Millisecond
	w := newWalk()
	go func() {
		defer close(w.done)
		for range 3 {
			sandbox, err := Open(ownPath)
			if err != nil {
				w.failed = append(w.failed, err)
				return
			}
			w.found <- sandbox
		}
	}()
	visits := 0
	if err := w.receive(patience, func(*Sandbox) { visits++; time.Sleep(patience) }); err != nil || visits != 3 {
		t.Errorf("receive\nwant 3 visits, no error\ngot  %d, %v", visits, err)
	}
}
