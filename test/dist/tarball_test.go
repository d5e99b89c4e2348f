package dist

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

func TestTarballHasThePluginAndItsLicences(t *testing.T) {
	for architecture := range architectures {
		dir := unpack(t, made(t, "tap-*-linux-"+architecture+".tar.gz"))
		if got, want := files(t, dir), "-rw-r--r-- LICENSES \n-rw-r--r-- README.md \n-rwxr-xr-x tap \n"; got != want {
			t.Errorf("%s\nwant\n%s\ngot\n%s", architecture, want, got)
		}
		licences := read(t, filepath.Join(dir, "LICENSES"))
		for _, text := range []string{read(t, repository+"/LICENSE"), "github.com/containernetworking/cni v1", "github.com/vishvananda/netlink v1", "golang.org/x/sys v0", "Copyright 2009 The Go Authors"} {
			if !strings.Contains(licences, text) {
				t.Errorf("LICENSES lacks %.60q", text)
			}
		}
	}
}

// Every architecture's plugin runs, tells its version, and reads its environment and
// its configuration: s390x is big-endian, the others are not.
func TestPluginRunsOnEveryArchitecture(t *testing.T) {
	for architecture, emulator := range architectures {
		t.Run(architecture, func(t *testing.T) {
			host := harness.NewHost(t)
			plugin := filepath.Join(unpack(t, made(t, "tap-*-linux-"+architecture+".tar.gz")), "tap")
			run := func(verb, config string, env ...string) harness.Got {
				cmd := host.Command(verb, "net1", config, env...)
				if emulator != "" {
					path, err := exec.LookPath(emulator)
					must(t, err)
					cmd.Path, cmd.Args = path, []string{emulator, plugin}
				} else {
					cmd.Path, cmd.Args = plugin, []string{plugin}
				}
				return host.Finish(cmd)
			}

			if got := run("", "").WantOK(); !strings.HasPrefix(got.Stderr, "CNI plugin tap "+version(t)+": ") {
				t.Errorf("want version %s, got %s", version(t), got.Stderr)
			}
			var answer struct {
				CNIVersion        string
				SupportedVersions []string
			}
			got := run("VERSION", `{"cniVersion": "1.0.0"}`).WantOK()
			if err := json.Unmarshal([]byte(got.Stdout), &answer); err != nil || answer.CNIVersion != "1.0.0" || len(answer.SupportedVersions) != 7 {
				t.Errorf("VERSION: %v: %s", err, got.Stdout)
			}
			run("ADD", `{"cniVersion": "1.1.0", "name": "vms", "type": "tap", "mtu": 67}`).WantError(7, "mtu")
			run("ADD", `{"cniVersion": "1.1.0", "name": "vms", "type": "tap"}`, "CNI_NETNS=/nowhere").WantError(8, "/nowhere")
		})
	}
}

func TestChecksumsAreOfAllThatWasMade(t *testing.T) {
	sums := made(t, "SHA256SUMS")
	cmd := exec.Command("sha256sum", "--strict", "-c", "SHA256SUMS")
	cmd.Dir = filepath.Dir(sums)
	checked := output(t, cmd)
	all, err := filepath.Glob(filepath.Dir(sums) + "/*")
	must(t, err)
	if want := 3*len(architectures) + 2; len(all)-1 != want || strings.Count(checked, ": OK\n") != want {
		t.Errorf("want %d files and their checksums, got %d\n%s", want, len(all)-1, checked)
	}
}
