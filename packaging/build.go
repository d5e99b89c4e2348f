package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs of the root module, and their packages.
var programs = []string{"tap", "tap-install"}

// binary is where a program lies between its build and its packing.
func (r *release) binary(architecture, program string) string {
	return filepath.Join(r.stage, architecture, program)
}

// build makes static programs in which nothing tells where and when they were built.
func (r *release) build() error {
	for _, architecture := range architectures {
		for _, program := range programs {
			cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
				"-ldflags", "-s -w -X main.buildVersion="+r.version, "-o", r.binary(architecture, program), "./cmd/"+program)
			cmd.Dir = r.source
			cmd.Stderr = os.Stderr
			cmd.Env = append(os.Environ(),
				"GOOS=linux", "GOARCH="+architecture, "CGO_ENABLED=0",
				// of the caller nothing counts: every processor of the kind has to run it
				"GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GORISCV64=rva20u64", "GOFIPS140=off")
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("go build ./cmd/%s for %s: %w", program, architecture, err)
			}
		}
	}
	return nil
}

// module is what was linked into a program.
type module struct{ path, version, sum string }

// standardLibrary is the path of the Go project's own part.
const standardLibrary = "stdlib"

// linked reads a program's modules out of it.
func linked(program string) ([]module, error) {
	build, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("read the build of %s: %w", program, err)
	}
	modules := []module{{path: standardLibrary, version: strings.TrimPrefix(build.GoVersion, "go")}}
	for _, dependency := range build.Deps {
		if dependency.Replace != nil {
			dependency = dependency.Replace
		}
		modules = append(modules, module{dependency.Path, dependency.Version, dependency.Sum})
	}
	return modules, nil
}
