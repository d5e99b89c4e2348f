// Command packaging makes what is given to users: tarballs, packages of Debian and of
// RPM, an image, their checksums and a bill of materials. The same source, version and
// SOURCE_DATE_EPOCH make the same bytes, in whatever folder.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// architectures, as Go calls them.
var architectures = []string{"amd64", "arm64", "riscv64", "s390x"}

// release is what is made of one state of the source.
type release struct {
	source  string // the repository
	out     string // the folder of what is made
	stage   string // a folder for what goes into it
	nfpm    string // the program that makes packages
	version string // as the plugin tells it
	date    time.Time
}

func main() {
	r := release{}
	flag.StringVar(&r.source, "source", ".", "the repository")
	flag.StringVar(&r.out, "out", "bin/dist", "folder for what is made; what is in it goes")
	flag.StringVar(&r.nfpm, "nfpm", "bin/nfpm", "the program nfpm")
	flag.StringVar(&r.version, "version", "devel", "version")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "make the packages: what does %q mean?\n", flag.Args())
		os.Exit(2)
	}
	if err := r.make(); err != nil {
		fmt.Fprintf(os.Stderr, "make the packages: %v\n", err)
		os.Exit(1)
	}
}

func (r *release) make() error {
	if !usable.MatchString(r.version) {
		return fmt.Errorf("version %q cannot be the tag of an image: want letters, digits, and _.- after the first: choose another (make dist VERSION=…)", r.version)
	}
	for _, path := range []*string{&r.source, &r.out, &r.nfpm} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("read the environment variable SOURCE_DATE_EPOCH: %w", err)
	}
	r.date = time.Unix(epoch, 0).UTC()
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	if r.stage, err = os.MkdirTemp("", "packaging-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.stage) //nolint:errcheck // a folder of temporary files
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"build", r.build},
		{"gather the licences", r.licences},
		{"make the tarballs", r.tarballs},
		{"make the packages of distributions", r.packages},
		{"make the image", r.image},
		{"make the bill of materials", r.bill},
		{"make the checksums", r.checksums},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}
