package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// checksums are for `sha256sum -c`.
func (r *release) checksums() error {
	made, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(r.out, "SHA256SUMS"), func(w io.Writer) error {
		for _, file := range made {
			if file.Name() == "SHA256SUMS" {
				continue
			}
			content, err := os.ReadFile(filepath.Join(r.out, file.Name()))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(content), file.Name()); err != nil {
				return err
			}
		}
		return nil
	})
}
