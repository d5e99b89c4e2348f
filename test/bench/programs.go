package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// program is an installed program.
type program struct {
	name string // in the document
	path string
	size int64 // bytes
	// attaches says that its ADD leaves a device in the pod.
	attaches bool
}

// programs are those that run beside each other.
type programs struct{ tap, reference, empty, hostLocal program }

// install copies all programs into one folder by reading and writing, as a package manager does.
// Files that the linker wrote lie differently in the page cache, which changes a start by 10 %:
// unlike installations cannot be compared.
func install(from, to string) (programs, error) {
	var failed error
	one := func(name, file, as string) program {
		p := program{name: name, path: filepath.Join(to, as)}
		size, err := copyFile(filepath.Join(from, file), p.path)
		p.size, failed = size, errors.Join(failed, err)
		return p
	}
	all := programs{
		tap:       one("tap", "tap", "tap"),
		reference: one("reference", "reference/tap", "reference"),
		empty:     one("empty", "empty", "empty"),
		hostLocal: one("host-local", "host-local", "host-local"),
	}
	all.tap.attaches, all.reference.attaches = true, true
	return all, failed
}

// copyFile copies a program and returns its size in bytes.
func copyFile(from, to string) (int64, error) {
	source, err := os.Open(from)
	if err != nil {
		return 0, fmt.Errorf("install: %w; run make bench", err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return 0, fmt.Errorf("install: %w", err)
	}
	size, err := io.Copy(target, onlyReader{source})
	if err := errors.Join(err, target.Close()); err != nil {
		return 0, fmt.Errorf("install %s: %w", from, err)
	}
	return size, nil
}

// onlyReader hides that a file can copy itself: copy_file_range may share the
// blocks of the two files.
type onlyReader struct{ io.Reader }
