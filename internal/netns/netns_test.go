package netns

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file, fifo, link := filepath.Join(dir, "file"), filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/self/ns/net", link); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		want       error
	}{
		{"network namespace", "/proc/self/ns/net", nil},
		{"symbolic link to a network namespace", link, nil},
		{"missing file", filepath.Join(dir, "missing"), fs.ErrNotExist},
		{"path below a file", filepath.Join(file, "below"), unix.ENOTDIR},
		{"plain file, as after a reboot", file, ErrNotNamespace},
		{"directory", dir, ErrNotNamespace},
		{"FIFO without writer", fifo, ErrNotNamespace},
		{"device", os.DevNull, ErrNotNamespace},
		{"UTS namespace", "/proc/self/ns/uts", ErrNotNamespace},
		{"mount namespace", "/proc/self/ns/mnt", ErrNotNamespace},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sandbox, err := Open(tt.path)
			if !errors.Is(err, tt.want) {
				t.Fatalf("Open(%s)\nwant %v\ngot  %v", tt.path, tt.want, err)
			}
			if tt.want == nil {
				sandbox.Close()
			}
		})
	}
}

func TestOpenErrorLeaksNoDescriptor(t *testing.T) {
	before := descriptors(t)
	for range 10 {
		if _, err := Open(os.DevNull); err == nil {
			t.Fatal("Open of a device\nwant an error\ngot  none")
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("number of descriptors\nwant %d\ngot  %d", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestIsOwn(t *testing.T) {
	sandbox, err := Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer sandbox.Close()
	if own, err := sandbox.IsOwn(); !own || err != nil {
		t.Errorf("IsOwn\nwant true\ngot  %v, %v", own, err)
	}
}
