package runtime

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
)

// image is a container image of one layer.
type image struct {
	name  string            // with its tag
	run   []string          // what a container executes unless it is told otherwise
	files map[string]string // programs by their path in the image, with their path on this machine
	links []string          // names in /bin for /bin/busybox
}

type object map[string]any

// save writes the image to a file, in the form of `docker save`, which all runtimes load.
func (i image) save(path string) error {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for name, source := range i.files {
		data, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		if err := add(w, &tar.Header{Name: name, Mode: 0o755}, data); err != nil {
			return err
		}
	}
	for _, name := range i.links {
		if err := add(w, &tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox"}, nil); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	config, err := json.Marshal(object{
		"architecture": goruntime.GOARCH, "os": "linux",
		"config": object{"Entrypoint": i.run, "Env": []string{"PATH=/bin"}},
		"rootfs": object{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]object{{"Config": "config.json", "RepoTags": []string{i.name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	w = tar.NewWriter(&archive)
	for name, data := range map[string][]byte{"manifest.json": manifest, "config.json": config, "layer.tar": layer.Bytes()} {
		if err := add(w, &tar.Header{Name: name, Mode: 0o644}, data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, archive.Bytes(), 0o600)
}

func add(w *tar.Writer, header *tar.Header, data []byte) error {
	header.Size = int64(len(data))
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// box is an image with a shell, the usual small programs, and the guest.
func box(guest string) (image, error) {
	names, err := exec.Command("/bin/busybox", "--list").Output()
	return image{
		name:  "localhost/box:latest",
		run:   []string{},
		files: map[string]string{"bin/busybox": "/bin/busybox", "bin/guest": guest},
		links: strings.Fields(strings.ReplaceAll("\n"+string(names), "\nbusybox\n", "\n")),
	}, err
}
