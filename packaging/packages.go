package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// packages are what nfpm.yaml and its scripts describe.
func (r *release) packages() error {
	for _, architecture := range architectures {
		for _, format := range []string{"deb", "rpm"} {
			cmd := exec.Command(r.nfpm, "package", "--config", "nfpm.yaml", "--packager", format, "--target", r.out+"/")
			cmd.Dir = filepath.Join(r.source, "packaging")
			cmd.Env = append(os.Environ(),
				"ARCHITECTURE="+architecture,
				"PACKAGE_VERSION="+packageVersion(r.version, r.date),
				"PLUGIN="+r.binary(architecture, "tap"),
				"LICENSES="+r.notices())
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("run %s for %s, %s: %w: %s", r.nfpm, format, architecture, err, out)
			}
		}
	}
	return nil
}
