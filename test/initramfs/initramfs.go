//go:build amd64

// Package initramfs makes what a machine of the tests boots: Debian's kernel, and a root file system of a few files.
package initramfs

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"

	"tap/test/harness"
)

// Kernel is the path of Debian's newest cloud kernel, and its version.
func Kernel(t *testing.T) (string, string) {
	t.Helper()
	const prefix, suffix = "/boot/vmlinuz-", "-cloud-amd64"
	found, err := filepath.Glob(prefix + "*" + suffix)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		harness.Skip(t, "needs Debian's package linux-image-cloud-amd64")
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return slices.Compare(numbers(a), numbers(b)) })
	return newest, strings.TrimPrefix(newest, prefix)
}

// numbers of a version, for comparison.
func numbers(version string) []int {
	var list []int
	for _, digits := range regexp.MustCompile(`\d+`).FindAllString(version, -1) {
		n := 0
		for _, d := range digits {
			n = 10*n + int(d-'0')
		}
		list = append(list, n)
	}
	return list
}

// Initramfs is a root file system in the making: what Linux unpacks at its start
// (Documentation/driver-api/early-userspace/buffer-format.rst).
type Initramfs struct {
	t    *testing.T
	out  bytes.Buffer
	w    *cpio.Writer
	have map[string]bool
}

// New has busybox, an /init, and modules with all that they need, in load order in /modules/order.
func New(t *testing.T, init string, modules ...string) *Initramfs {
	t.Helper()
	r := &Initramfs{t: t, have: map[string]bool{".": true, "/": true}}
	r.w = cpio.NewWriter(&r.out)
	r.Copy("/bin/busybox", "/bin/busybox")
	script, err := os.ReadFile(init)
	if err != nil {
		t.Fatal(err)
	}
	r.add("/init", 0o755, script)
	_, version := Kernel(t)
	var order []string
	for _, module := range modules {
		out, err := exec.Command("/sbin/modprobe", "-S", version, "--show-depends", module).Output()
		if err != nil {
			t.Fatalf("modprobe --show-depends %s: %v", module, err)
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			if len(fields) < 2 || fields[0] != "insmod" { // built in
				continue
			}
			if name := filepath.Base(fields[1]); !slices.Contains(order, name) {
				order = append(order, name)
				r.Copy("/modules/"+name, fields[1])
			}
		}
	}
	r.add("/modules/order", 0o644, []byte(strings.Join(order, "\n")+"\n"))
	return r
}

// Copy adds a file of this machine, which every user of the guest can read, and execute if its owner can here. (With a umask of 077 the
// programs of bin/ are their owner's alone.)
func (r *Initramfs) Copy(name, from string) {
	r.t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		r.t.Fatal(err)
	}
	info, err := os.Stat(from)
	if err != nil {
		r.t.Fatal(err)
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	r.add(name, mode, data)
}

// add adds a file, and the folders that lead to it.
func (r *Initramfs) add(name string, mode fs.FileMode, data []byte) {
	r.t.Helper()
	if r.have[name] {
		return
	}
	r.folder(filepath.Dir(name))
	r.write(name, cpio.FileMode(mode)|cpio.TypeReg, data)
}

func (r *Initramfs) folder(name string) {
	r.t.Helper()
	if r.have[name] {
		return
	}
	r.folder(filepath.Dir(name))
	r.write(name, 0o755|cpio.TypeDir, nil)
}

func (r *Initramfs) write(name string, mode cpio.FileMode, data []byte) {
	r.t.Helper()
	r.have[name] = true
	err := r.w.WriteHeader(&cpio.Header{Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: int64(len(data)), Links: 1})
	if err == nil {
		_, err = r.w.Write(data)
	}
	if err != nil {
		r.t.Fatalf("initramfs: %s: %v", name, err)
	}
}

// Write writes the finished initramfs to a file that everybody may read.
func (r *Initramfs) Write(path string) {
	r.t.Helper()
	err := r.w.Close()
	if err == nil {
		err = os.WriteFile(path, r.out.Bytes(), 0o644)
	}
	if err != nil {
		r.t.Fatalf("initramfs: %v", err)
	}
}
