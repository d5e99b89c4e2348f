// Package dist tries what `make dist` makes as users do: it installs, uses and removes
// it. `make dist-test` runs it. It is a module of its own, for what it depends on.
package dist

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
	"tap/test/isolate"
)

func TestMain(m *testing.M) {
	if os.Getenv("DIST") == "" {
		fmt.Println("not run: needs what make dist makes; make dist-test")
		return
	}
	os.Exit(isolate.Run(m.Run))
}

// architectures, as Go calls them, with the program that runs theirs.
var architectures = map[string]string{"amd64": "", "arm64": "qemu-aarch64", "riscv64": "qemu-riscv64", "s390x": "qemu-s390x"}

const repository = "../.."

// made is the one file that `make dist` made by that pattern.
func made(t *testing.T, pattern string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(harness.BinDir(t), "dist"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("want one %s in %s, got %v, %v: run the tests with `make dist-test`", pattern, dir, files, err)
	}
	return files[0]
}

// version is what `make dist` was told.
func version(t *testing.T) string {
	t.Helper()
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(made(t, "tap-*-image.tar")), "tap-"), "-image.tar")
}

// output runs a program and returns all that it printed.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// unpack extracts an archive into a folder of the test's.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	output(t, exec.Command("tar", "-xf", archive, "-C", dir))
	return dir
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files lists what is in a folder, with links and modes.
func files(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target, _ := os.Readlink(path)
		fmt.Fprintf(&list, "%s %s %s\n", info.Mode(), strings.TrimPrefix(path, dir+"/"), target)
		return nil
	}))
	return list.String()
}
