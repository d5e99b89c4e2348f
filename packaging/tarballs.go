package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name string
	mode int64
	file string // with its content
}

// tarballs have no folder of their own: `tar -C /opt/cni/bin -xzf FILE tap`.
func (r *release) tarballs() error {
	for _, architecture := range architectures {
		name := fmt.Sprintf("tap-%s-linux-%s.tar.gz", r.version, architecture)
		err := writeFile(filepath.Join(r.out, name), func(w io.Writer) error {
			zip := gzip.NewWriter(w) // its header has no name and no time unless they are set
			return errors.Join(writeTar(zip, r.date, []entry{
				{"tap", 0o755, r.binary(architecture, "tap")},
				{"LICENSES", 0o644, r.notices()},
				{"README.md", 0o644, filepath.Join(r.source, "README.md")},
			}), zip.Close())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTar makes root's files of the release's date.
func writeTar(w io.Writer, date time.Time, entries []entry) error {
	archive := tar.NewWriter(w)
	for _, e := range entries {
		content, err := os.ReadFile(e.file)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(content)), ModTime: date, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("pack %s: %w", e.name, err)
		}
		if _, err := archive.Write(content); err != nil {
			return fmt.Errorf("pack %s: %w", e.name, err)
		}
	}
	return archive.Close()
}

// writeFile makes a file that everybody may read.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
