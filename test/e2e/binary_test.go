package e2e

import (
	"debug/elf"
	"strings"
	"testing"

	"tap/test/harness"
)

// The plugin is one static file: copied into a container's image, it runs.
func TestBinaryIsStatic(t *testing.T) {
	file, err := elf.Open(harness.Bin(t, "tap"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // read only
	for _, section := range file.Progs {
		if section.Type == elf.PT_INTERP {
			t.Error("it asks for a dynamic linker")
		}
	}
}

// Run by hand, without a runtime's environment, it says what it is; its last two lines
// are commands that work.
func TestBinaryIntroducesItself(t *testing.T) {
	host := harness.NewHost(t)
	got := host.Run("", "", "").WantOK()
	lines := strings.Split(got.Stderr, "\n")
	if len(lines) != 6 || lines[5] != "" || got.Stdout != "" {
		t.Fatalf("want five lines on standard error\n%s\nstandard output %q", got.Stderr, got.Stdout)
	}
	for i, begin := range []string{"CNI plugin tap ", "CNI protocol versions supported: 0.1.0, ", "Container runtimes run it.", "Try it as root: ", "    echo "} {
		if !strings.HasPrefix(lines[i], begin) {
			t.Errorf("line %d\nwant %s…\ngot  %s", i+1, begin, lines[i])
		}
	}
	try := strings.TrimPrefix(lines[3], "Try it as root: ") + "\n" + lines[4]
	try = strings.NewReplacer( // a namespace of that name would be the machine's
		"ip netns add try", ":", "/run/netns/try", host.Pod.Path(),
		"ip -n try", "nsenter --net="+host.Pod.Path()+" ip", "ip netns del try", ":").Replace(try)
	out, err := host.Node.Output("sh", "-ec", try)
	if err != nil || !strings.Contains(out, `"name": "tap0"`) || !strings.Contains(out, " tap0: ") {
		t.Errorf("%v\n%s\nprinted\n%s", err, try, out)
	}
	host.MustDevice("tap0")
}
