package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// image makes one for all architectures: the plugin, and the installer that puts it into
// the host's plugin folder. It is an OCI layout in a tar file, which containerd, Podman,
// skopeo and crane read.
func (r *release) image() error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range architectures {
		img, err := r.platformImage(architecture)
		if err != nil {
			return fmt.Errorf("for %s: %w", architecture, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	dir := filepath.Join(r.stage, "image")
	path, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = path.AppendIndex(index, layout.WithAnnotations(map[string]string{
			"org.opencontainers.image.ref.name": r.version,
			"io.containerd.image.name":          "localhost/tap:" + r.version, // which `ctr images import` gives it
		}))
	}
	if err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	return r.packLayout(dir)
}

func (r *release) platformImage(architecture string) (v1.Image, error) {
	var files bytes.Buffer
	err := writeTar(&files, r.date, []entry{
		{"tap", 0o755, r.binary(architecture, "tap")},
		{"tap-install", 0o755, r.binary(architecture, "tap-install")},
		{"LICENSES", 0o644, r.notices()},
	})
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: r.date}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{Created: created, CreatedBy: "make dist"}})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", architecture, created
	config.Config = v1.Config{
		User: "0:0", WorkingDir: "/", Entrypoint: []string{"/tap-install"}, Cmd: []string{"install"},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "tap",
			"org.opencontainers.image.description": "installs the CNI plugin tap on its host",
			"org.opencontainers.image.version":     r.version,
			"org.opencontainers.image.licenses":    "Apache-2.0",
		},
	}
	return mutate.ConfigFile(img, config)
}

// packLayout packs a folder; walking it goes by name, so the order is always the same.
func (r *release) packLayout(dir string) error {
	var entries []entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			entries = append(entries, entry{strings.TrimPrefix(path, dir+"/"), 0o644, path})
		}
		return err
	})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(r.out, "tap-"+r.version+"-image.tar"), func(w io.Writer) error {
		return writeTar(w, r.date, entries)
	})
}
