package dist

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// index is the image's, of all architectures, as registries and runtimes read it.
func index(t *testing.T) v1.ImageIndex {
	t.Helper()
	path, err := layout.FromPath(unpack(t, made(t, "tap-*-image.tar")))
	must(t, err)
	top, err := path.ImageIndex()
	must(t, err)
	manifest, err := top.IndexManifest()
	must(t, err)
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["io.containerd.image.name"] != "localhost/tap:"+version(t) {
		t.Fatalf("index.json: %+v", manifest.Manifests)
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	must(t, err)
	return index
}

// image is the one that a node of that architecture would choose.
func image(t *testing.T, architecture string) v1.Image {
	t.Helper()
	index := index(t)
	manifest, err := index.IndexManifest()
	must(t, err)
	for _, m := range manifest.Manifests {
		if m.Platform != nil && m.Platform.OS == "linux" && m.Platform.Architecture == architecture {
			img, err := index.Image(m.Digest)
			must(t, err)
			return img
		}
	}
	t.Fatalf("the image is not for %s", architecture)
	return nil
}

// rootOf is the root folder of a container of the image.
func rootOf(t *testing.T, architecture string) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "root.tar")
	file, err := os.Create(archive)
	must(t, err)
	defer file.Close()
	layers := mutate.Extract(image(t, architecture))
	defer layers.Close() //nolint:errcheck // read only
	_, err = io.Copy(file, layers)
	must(t, err)
	return unpack(t, archive)
}

func TestImageIsForEveryArchitecture(t *testing.T) {
	all := index(t)
	must(t, validate.Index(all)) // digests, sizes, and the layers' lists agree
	manifest, err := all.IndexManifest()
	must(t, err)
	if len(manifest.Manifests) != len(architectures) || manifest.MediaType != types.OCIImageIndex {
		t.Errorf("%d images, %s", len(manifest.Manifests), manifest.MediaType)
	}
	for architecture := range architectures {
		config, err := image(t, architecture).ConfigFile()
		must(t, err)
		if config.OS != "linux" || config.Architecture != architecture || config.Config.User != "0:0" ||
			!slices.Equal(config.Config.Entrypoint, []string{"/tap-install"}) || !slices.Equal(config.Config.Cmd, []string{"install"}) ||
			config.Config.Labels["org.opencontainers.image.version"] != version(t) || config.Created.Unix() != date(t) {
			t.Errorf("%s: %+v", architecture, config)
		}
		root := rootOf(t, architecture)
		if got, want := files(t, root), "-rw-r--r-- LICENSES \n-rwxr-xr-x tap \n-rwxr-xr-x tap-install \n"; got != want {
			t.Errorf("%s\nwant\n%s\ngot\n%s", architecture, want, got)
		}
		tarball := unpack(t, made(t, "tap-*-linux-"+architecture+".tar.gz"))
		if read(t, filepath.Join(root, "tap")) != read(t, filepath.Join(tarball, "tap")) {
			t.Errorf("%s: the plugin is not the tarball's", architecture)
		}
		if emulator := architectures[architecture]; emulator != "" {
			output(t, exec.Command(emulator, filepath.Join(root, "tap-install"), "-h"))
		}
	}
}
