package dist

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

// Two builds in different folders, on machines of different names, by different users'
// settings, make the same bytes. The second has a build cache of its own: it compiles everything anew.
func TestDistIsReproducible(t *testing.T) {
	harness.NeedRoot(t)
	source := copySource(t)
	out := filepath.Join(source, "made here")
	cmd := exec.Command("unshare", "--uts", "sh", "-ec", `hostname elsewhere; umask 077; exec "$@"`, "sh",
		harness.Bin(t, "packaging"), "-source", source, "-out", out, "-nfpm", harness.Bin(t, "nfpm"), "-version", version(t))
	cmd.Env = append(os.Environ(), "TZ=Asia/Tokyo", "LANG=de_DE.UTF-8", "GOFLAGS=-mod=mod", "GOAMD64=v3", "CGO_ENABLED=1",
		"GOCACHE="+t.TempDir(), fmt.Sprint("SOURCE_DATE_EPOCH=", date(t)))
	output(t, cmd)
	if first, second := read(t, made(t, "SHA256SUMS")), read(t, filepath.Join(out, "SHA256SUMS")); first != second {
		t.Errorf("made by make dist\n%s\nmade in %s\n%s", first, source, second)
	}
}

// Source without its history, from an archive for example, is version devel of no date.
func TestDistWithoutGitIsDevel(t *testing.T) {
	cmd := exec.Command("make", "-n", "dist")
	cmd.Dir = copySource(t)
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(cmd.Dir))
	if commands := output(t, cmd); !strings.Contains(commands, "SOURCE_DATE_EPOCH=315532800 bin/packaging -version 'devel'\n") {
		t.Errorf("make dist would run\n%s", commands)
	}
}

// copySource copies the repository without its history and what was built.
func copySource(t *testing.T) string {
	t.Helper()
	target := filepath.Join(t.TempDir(), "another", "folder")
	must(t, filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(repository, path)
		switch {
		case err != nil:
			return err
		case name == ".git" || name == "bin":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return os.MkdirAll(filepath.Join(target, name), 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(target, name), content, info.Mode().Perm()) // the scripts are executable
	}))
	return target
}

// date is what `make dist` took from the last commit.
func date(t *testing.T) int64 {
	t.Helper()
	file, err := os.Open(made(t, "tap-*-image.tar"))
	must(t, err)
	defer file.Close()
	header, err := tar.NewReader(file).Next()
	must(t, err)
	return header.ModTime.Unix()
}
