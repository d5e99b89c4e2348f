package dist

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// The versions that packaging/version.go makes, oldest first, to dpkg and to rpm.
func TestPackageVersionsAreOrdered(t *testing.T) {
	versions := []string{
		"0~20260304050607.be817ce", "0~20260305050607.0817ce1", "1.2.0~rc.1", "1.2.0~rc.1+5.g0123abc",
		"1.2.0~rc.2", "1.2.0", "1.2.0+5.g0123abc", "1.2.0+12.g0123abc", "1.2.1",
	}
	for i, older := range versions[:len(versions)-1] {
		newer := versions[i+1]
		output(t, exec.Command("dpkg", "--compare-versions", older, "lt", newer))
		compared := output(t, exec.Command("rpm", "--eval", fmt.Sprintf(`%%{lua:print(rpm.vercmp("%s", "%s"))}`, older, newer)))
		if strings.TrimSpace(compared) != "-1" {
			t.Errorf("rpm: %s is not older than %s", older, newer)
		}
	}
	if !strings.Contains(made(t, "*_amd64.deb"), "_"+versionOfPackages(t)+"_") || !strings.Contains(made(t, "*.x86_64.rpm"), "-"+versionOfPackages(t)+"-1.") {
		t.Error("the packages have different versions")
	}
}

// versionOfPackages is what dpkg reads in the package.
func versionOfPackages(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(output(t, exec.Command("dpkg-deb", "--field", made(t, "*_amd64.deb"), "Version")))
}
