package dist

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
)

// The bill of materials names each plugin by its checksum, and for each the modules
// that `go version -m` finds in it, with a licence.
func TestBillOfMaterialsNamesWhatIsLinked(t *testing.T) {
	file, err := os.Open(made(t, "tap-*.spdx.json"))
	must(t, err)
	defer file.Close()
	document, err := json.Read(file)
	must(t, err)
	must(t, spdxlib.ValidateDocument(document))
	if document.SPDXVersion != "SPDX-2.3" || !strings.HasPrefix(document.DocumentNamespace, "https://") {
		t.Errorf("version %s, namespace %s", document.SPDXVersion, document.DocumentNamespace)
	}
	names := map[string]string{} // by identifier
	for _, p := range document.Packages {
		names[string(p.PackageSPDXIdentifier)] = p.PackageName + "@" + p.PackageVersion
		if p.PackageLicenseDeclared == "" {
			t.Errorf("%s has no licence", p.PackageName)
		}
	}
	for architecture := range architectures {
		plugin := filepath.Join(unpack(t, made(t, "tap-*-linux-"+architecture+".tar.gz")), "tap")
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, plugin))))
		id := ""
		for _, p := range document.Packages {
			if len(p.PackageChecksums) == 1 && p.PackageChecksums[0].Value == sum {
				id = string(p.PackageSPDXIdentifier)
			}
		}
		var got, want []string
		for _, r := range document.Relationships {
			if string(r.RefA.ElementRefID) == id && r.Relationship == "STATIC_LINK" {
				got = append(got, names[string(r.RefB.ElementRefID)])
			}
		}
		for line := range strings.Lines(output(t, exec.Command("go", "version", "-m", plugin))) {
			fields := strings.Fields(line)
			switch {
			case strings.HasPrefix(line, plugin):
				want = append(want, "stdlib@"+strings.TrimPrefix(fields[len(fields)-1], "go"))
			case fields[0] == "dep":
				want = append(want, fields[1]+"@"+fields[2])
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if id == "" || len(want) < 4 || !slices.Equal(got, want) {
			t.Errorf("%s, %q\nwant %v\ngot  %v", architecture, id, want, got)
		}
	}
}
