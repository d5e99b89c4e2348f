package plugin

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

// docs/errors.md and the README list the codes that the code can give.
func TestErrorCodesAreDocumented(t *testing.T) {
	codes := []uint{types.ErrInvalidEnvironmentVariables, types.ErrInvalidNetworkConfig, types.ErrPluginNotAvailable, types.ErrLimitedConnectivity, codeUnforeseen}
	for _, v := range verdicts {
		codes = append(codes, v.code)
	}
	slices.Sort(codes)
	want := slices.Compact(codes)
	for _, file := range []string{"../../docs/errors.md", "../../README.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint
		for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(string(text), -1) {
			code, err := strconv.ParseUint(row[1], 10, 0)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, uint(code))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("codes in %s\nwant %d\ngot  %d", file, want, got)
		}
	}
}
