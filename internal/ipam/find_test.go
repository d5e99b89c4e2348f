package ipam

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// place puts a file into a new folder and returns the folder.
func place(t *testing.T, name string, mode os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFind(t *testing.T) {
	good, other := place(t, "host-local", 0o755), place(t, "host-local", 0o755)
	notExecutable := place(t, "host-local", 0o644)
	groupOnly := place(t, "host-local", 0o610)
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "host-local"), 0o755); err != nil {
		t.Fatal(err)
	}
	link, dangling := t.TempDir(), t.TempDir()
	for dir, target := range map[string]string{link: filepath.Join(good, "host-local"), dangling: filepath.Join(good, "nothing")} {
		if err := os.Symlink(target, filepath.Join(dir, "host-local")); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Dir(good)) // so that a relative entry would find it
	relative := filepath.Base(good)

	tests := []struct {
		name    string
		path    []string
		want    string // the folder; empty: ErrNotFound
		contain string // in the error
	}{
		{"the only folder", []string{good}, good, ""},
		{"the first folder wins", []string{other, good}, other, ""},
		{"not in the first folder", []string{t.TempDir(), good}, good, ""},
		{"a folder that is not there", []string{"/nonexistent", good}, good, ""},
		{"a file as a folder", []string{filepath.Join(good, "host-local"), good}, good, ""},
		{"not executable is passed over", []string{notExecutable, good}, good, ""},
		{"executable for a group is executable", []string{groupOnly}, groupOnly, ""},
		{"a folder of that name is passed over", []string{folder, good}, good, ""},
		{"a symbolic link is followed", []string{link}, link, ""},
		{"a dangling link is passed over", []string{dangling, good}, good, ""},
		{"an empty entry is passed over", []string{"", good}, good, ""},
		{"a relative entry is passed over", []string{relative, other}, other, ""},

		{"no path", nil, "", ""},
		{"nothing but empty entries", []string{"", "", ""}, "", ""},
		{"nothing but relative entries", []string{relative, ".", "./" + relative}, "", relative},
		{"nothing executable", []string{notExecutable, folder, dangling}, "", notExecutable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Find("host-local", strings.Join(tt.path, ":"))
			if tt.want == "" {
				if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `"host-local"`) || !strings.Contains(err.Error(), tt.contain) {
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

func TestFindItselfIsRefused(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := t.TempDir()
	if err := os.Symlink(self, filepath.Join(link, "host-local")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, dir, file string }{
		{"under its own name", filepath.Dir(self), filepath.Base(self)},
		{"under another name", link, "host-local"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := place(t, tt.file, 0o755) // even though another one would be found
			got, err := Find(tt.file, tt.dir+":"+good)
			if got != nil || !errors.Is(err, ErrSelf) || !strings.Contains(err.Error(), tt.dir) {
				t.Errorf("Find\nwant %v, naming %s\ngot  %v, %v", ErrSelf, tt.dir, got, err)
			}
		})
	}
}

// A copy of the plugin, or a script that runs it, is another file.
func TestFindWithinAnIPAMPluginIsRefused(t *testing.T) {
	key, value, _ := strings.Cut(recursionMark, "=")
	t.Setenv(key, value)
	if got, err := Find("host-local", place(t, "host-local", 0o755)); got != nil || !errors.Is(err, ErrSelf) {
		t.Errorf("Find\nwant %v\ngot  %v, %v", ErrSelf, got, err)
	}
}
