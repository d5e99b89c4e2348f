package ipam

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// makeFile writes a script with this name and mode to a new directory and returns the directory.
func makeFile(t *testing.T, name string, mode os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return dir
}

func TestFind(t *testing.T) {
	good, other := makeFile(t, "host-local", 0o755), makeFile(t, "host-local", 0o755)
	notExecutable := makeFile(t, "host-local", 0o644)
	groupOnly := makeFile(t, "host-local", 0o610)
	subdirectory := t.TempDir()
	if err := os.Mkdir(filepath.Join(subdirectory, "host-local"), 0o755); err != nil {
		t.Fatal(err)
	}
	link, dangling := t.TempDir(), t.TempDir()
	for dir, target := range map[string]string{
		link: filepath.Join(good, "host-local"), dangling: filepath.Join(good, "nothing"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, "host-local")); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Dir(good)) // so that a relative entry would find it
	relative := filepath.Base(good)

	tests := []struct {
		name    string
		path    []string
		want    string // directory; empty for ErrNotFound
		contain string // part of the error
	}{
		{"one directory", []string{good}, good, ""},
		{"in two directories", []string{other, good}, other, ""},
		{"only in the second directory", []string{t.TempDir(), good}, good, ""},
		{"missing directory", []string{"/nonexistent", good}, good, ""},
		{"directory is a file", []string{filepath.Join(good, "host-local"), good}, good, ""},
		{"not executable", []string{notExecutable, good}, good, ""},
		{"executable by the group only", []string{groupOnly}, groupOnly, ""},
		{"is a directory", []string{subdirectory, good}, good, ""},
		{"symbolic link", []string{link}, link, ""},
		{"dangling link", []string{dangling, good}, good, ""},
		{"empty entry", []string{"", good}, good, ""},
		{"relative entry", []string{relative, other}, other, ""},

		{"empty CNI_PATH", nil, "", ""},
		{"only empty entries", []string{"", "", ""}, "", ""},
		{"only relative entries", []string{relative, ".", "./" + relative}, "", relative},
		{"none executable", []string{notExecutable, subdirectory, dangling}, "", notExecutable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Find("host-local", strings.Join(tt.path, ":"))
			if tt.want == "" {
				if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `"host-local"`) ||
					!strings.Contains(err.Error(), tt.contain) {
					t.Errorf("Find\nwant %v, naming host-local and %s\ngot  %v", ErrNotFound, tt.contain, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("Find\nwant no error\ngot  %v", err)
			}
			if want := filepath.Join(tt.want, "host-local"); got.path != want || got.name != "host-local" {
				t.Errorf("Find\nwant host-local, %s\ngot  %s, %s", want, got.name, got.path)
			}
		})
	}
}

func TestFindSelfRefused(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := t.TempDir()
	if err := os.Symlink(self, filepath.Join(link, "host-local")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, dir, file string }{
		{"own name", filepath.Dir(self), filepath.Base(self)},
		{"another name", link, "host-local"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := makeFile(t, tt.file, 0o755) // a valid plugin in a later directory does not matter
			got, err := Find(tt.file, tt.dir+":"+good)
			if got != nil || !errors.Is(err, ErrSelf) || !strings.Contains(err.Error(), tt.dir) {
				t.Errorf("Find\nwant %v, naming %s\ngot  %v, %v", ErrSelf, tt.dir, got, err)
			}
		})
	}
}

// A copy of the plugin, or a script that executes it, is another file. The mark detects both.
func TestFindWithRecursionMarkRefused(t *testing.T) {
	key, value, _ := strings.Cut(recursionMark, "=")
	t.Setenv(key, value)
	if got, err := Find("host-local", makeFile(t, "host-local", 0o755)); got != nil || !errors.Is(err, ErrSelf) {
		t.Errorf("Find\nwant %v\ngot  %v, %v", ErrSelf, got, err)
	}
}
