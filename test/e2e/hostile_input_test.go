package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/test/harness"
)

// Whatever a runtime hands in: one error object with a code, or success; never a
// panic, never a partial act.

// wantCivil fails where an answer is neither success nor one error object of a
// length that somebody reads, and returns the code; 0 for success.
func wantCivil(t *testing.T, got harness.Got) int {
	t.Helper()
	if strings.Contains(got.Stderr, "goroutine") || strings.Contains(got.Stderr, "panic") {
		t.Errorf("it panicked: %.2000s", got.Stderr)
	}
	if got.Exit == 0 {
		return 0
	}
	var e harness.Error
	decoder := json.NewDecoder(strings.NewReader(got.Stdout))
	if err := decoder.Decode(&e); err != nil || e.Code == 0 || e.Msg == "" || e.Details == "" || decoder.More() {
		t.Errorf("exit %d without one proper error: %v, %.2000s; %.2000s", got.Exit, err, got.Stdout, got.Stderr)
	}
	if got.Exit != 1 || len(got.Stdout) > 20000 || strings.Contains(e.Msg, "\n") {
		t.Errorf("exit %d, an error of %d bytes: %.200q", got.Exit, len(got.Stdout), e.Msg)
	}
	return e.Code
}

func TestHostileConfiguration(t *testing.T) {
	const head = `{"cniVersion": "1.1.0", "name": "vms", "type": "tap", "cni.dev/valid-attachments": [{"containerID": "container1", "ifname": "net1"}]`
	with := func(rest string) string { return head + ", " + rest + "}" }
	x10M := strings.Repeat("x", 10<<20)
	for _, c := range []struct {
		name, conf string
		code       int // of ADD
	}{
		{"empty", "", 6},
		{"white space", " \n\t", 6},
		{"a NUL", "\x00", 6},
		{"10 MB of NUL", strings.Repeat("\x00", 10<<20), 6},
		{"null", "null", codeConfig},
		{"a list", "[]", 6},
		{"cut", head, 6},
		{"two", head + "}" + head + "}", 6},
		{"a byte order mark", "\ufeff" + head + "}", 6},
		{"an unknown key of 10 MB", with(`"unknown": "` + x10M + `"`), 0},
		{"an unknown key's name of 10 MB", with(`"` + x10M + `": 1`), 0},
		{"a known key of 10 MB", with(`"mac": "` + x10M + `"`), codeConfig},
		{"a bridge of 10 MB", with(`"bridge": "` + x10M + `"`), codeConfig},
		{"a network name of 10 MB", `{"cniVersion": "1.1.0", "name": "` + x10M + `", "cni.dev/valid-attachments": []}`, 0},
		{"a bad network name of 10 MB", `{"cniVersion": "1.1.0", "name": "/` + x10M + `"}`, codeConfig},
		{"a cniVersion of 10 MB", `{"cniVersion": "` + x10M + `", "name": "vms"}`, 1},
		{"10 MB of open arrays", with(`"x": ` + strings.Repeat("[", 10<<20)), 6},
		{"10 MB of nested arrays", with(`"x": ` + strings.Repeat("[", 5<<20) + strings.Repeat("]", 5<<20)), 6},
		{"100,000 levels", with(`"x": ` + strings.Repeat(`{"a":`, 100000) + "1" + strings.Repeat("}", 100000)), 6},
		{"9,000 levels", with(`"x": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000)), 0},
		{"9,000 levels of prevResult", with(`"prevResult": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000)), codeConfig},
		{"a million keys", with(strings.Repeat(`"k":0,`, 1<<20) + `"k": 0`), 0},
		{"a NUL in a key", with(`"own\u0000er": 5`), 0},
		{"a raw NUL in a key", with("\"own\x00er\": 5"), 6},
		{"invalid UTF-8 in a key", with("\"\xff\xfe\": 5"), 0},
		{"invalid UTF-8 in a value", with("\"bridge\": \"\xff\xfe\""), codeBridge},
		{"half a surrogate", with(`"bridge": "\ud800"`), codeBridge},
		{"a key twice, the last counts", with(`"mtu": 5, "mtu": 1400`), 0},
		{"a key twice, the last is bad", with(`"mtu": 1400, "MTU": 5`), codeConfig},
		{"1e999", with(`"mtu": 1e999`), codeConfig},
		{"1e999 where nobody looks", with(`"x": 1e999`), 0},
		{"a number of a million digits", with(`"owner": ` + strings.Repeat("9", 1000000)), codeConfig},
		{"-0", with(`"owner": -0`), 0},
		{"1.0", with(`"owner": 1.0`), codeConfig},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			before := host.Snapshot()
			if code := wantCivil(t, host.Run("ADD", "net1", c.conf)); code != c.code {
				t.Errorf("ADD: code %d, want %d", code, c.code)
			}
			for _, verb := range []string{"CHECK", "STATUS", "GC", "DEL"} {
				wantCivil(t, host.Run(verb, "net1", c.conf))
			}
			host.WantSame(before)
		})
	}
}

func TestHostileStandardInput(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t)
	before := host.Snapshot()
	folder, err := os.Open(t.TempDir())
	host.Must(err)
	defer folder.Close()
	onlyWriting := devNull(t)
	for name, stdin := range map[string]io.Reader{"null": nil, "a folder": folder, "not for reading": onlyWriting} {
		for _, verb := range []string{"ADD", "DEL", "CHECK", "GC", "STATUS"} {
			cmd := host.Command(verb, "net1", "")
			cmd.Stdin = stdin
			if code := wantCivil(t, host.Finish(cmd)); code != 5 && code != 6 {
				t.Errorf("%s, %s: code %d, want 5 or 6", name, verb, code)
			}
		}
	}
	for _, verb := range []string{"ADD", "DEL"} { // closed: the first file that is opened gets its number
		cmd := host.Command(verb, "net1", conf(t))
		cmd.Args = []string{"sh", "-c", `exec "$0" <&-`, cmd.Path}
		cmd.Path = "/bin/sh"
		if code := wantCivil(t, host.Finish(cmd)); code == 0 {
			t.Errorf("%s without standard input succeeded", verb)
		}
	}
	host.WantSame(before)
}

// As much as execve takes: a string of the environment has at most 128 KB.
func TestHostileEnvironment(t *testing.T) {
	const most = 128<<10 - 20
	long := strings.Repeat("x", most)
	var folders []string
	for i := range 10000 {
		folders = append(folders, fmt.Sprintf("/n%d", i))
	}
	for _, c := range []struct {
		name, variable string
		code           int // of ADD
	}{
		{"CNI_ARGS of one key", "CNI_ARGS=IgnoreUnknown=1;K=" + long[30:], 0},
		{"CNI_ARGS of many keys", "CNI_ARGS=IgnoreUnknown=1" + strings.Repeat(";K=V", 30000), 0},
		{"CNI_ARGS unknown", "CNI_ARGS=K=" + long, codeEnvironment},
		{"CNI_ARGS without sense", "CNI_ARGS=" + long, codeEnvironment},
		{"CNI_ARGS of separators", "CNI_ARGS=" + strings.Repeat(";", most), codeEnvironment},
		{"CNI_ARGS not UTF-8", "CNI_ARGS=\xff=\xfe", codeEnvironment},
		{"CNI_ARGS with a bad MAC", "CNI_ARGS=MAC=" + long, codeEnvironment},
		{"CNI_PATH of 10,000 folders", "CNI_PATH=" + strings.Join(folders, ":"), codeIPAM},
		{"CNI_PATH of 100,000 colons", "CNI_PATH=" + strings.Repeat(":", 100000), codeIPAM},
		{"CNI_NETNS", "CNI_NETNS=/" + long, codeNetns},
		{"CNI_NETNS not UTF-8", "CNI_NETNS=/\xff\n", codeNetns},
		{"CNI_IFNAME", "CNI_IFNAME=" + long, codeEnvironment},
		{"CNI_IFNAME not UTF-8", "CNI_IFNAME=\xff\xfe", codeEnvironment},
		{"CNI_IFNAME a newline", "CNI_IFNAME=a\nb", codeEnvironment},
		{"CNI_IFNAME no-break space", "CNI_IFNAME=a\u00a0b", codeEnvironment},
		{"CNI_IFNAME of 16 bytes in 15 letters", "CNI_IFNAME=0123456789abcdé", codeEnvironment},
		{"CNI_IFNAME a pattern", "CNI_IFNAME=tap%d", codeEnvironment},
		{"CNI_CONTAINERID not UTF-8", "CNI_CONTAINERID=\xff", codeEnvironment},
		{"CNI_CONTAINERID a slash", "CNI_CONTAINERID=a/b", codeEnvironment},
		{"CNI_CONTAINERID bad and long", "CNI_CONTAINERID=/" + long, codeEnvironment},
		{"CNI_COMMAND", "CNI_COMMAND=" + long, codeEnvironment},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			before := host.Snapshot()
			keys := []m{known("container1", "net1")}
			if strings.HasPrefix(c.variable, "CNI_PATH=") {
				keys = append(keys, fake())
			}
			config := conf(t, keys...)
			if code := wantCivil(t, host.Run("ADD", "net1", config, c.variable)); code != c.code {
				t.Errorf("ADD: code %d, want %d", code, c.code)
			}
			for _, verb := range []string{"CHECK", "GC", "STATUS", "DEL"} {
				if !strings.HasPrefix(c.variable, "CNI_COMMAND=") {
					wantCivil(t, host.Run(verb, "net1", config, c.variable))
				}
			}
			host.WantSame(before)
		})
	}
}

// Container IDs and network names around the length from which an alias has their hash.
func TestHostileNamesAtTheLimit(t *testing.T) {
	for _, length := range []int{1, 107, 108, 255, 128<<10 - 20} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			host := newGCHost(t)
			before := host.Snapshot()
			host.ContainerID = strings.Repeat("c", length)
			keys := []m{{"name": host.network + strings.Repeat("n", length)}, {"tapName": "123456789012345"}, limited}
			config := host.conf(append(keys, m{"prevResult": m{"cniVersion": "1.1.0"}})...)
			added := host.Run("ADD", "543210987654321", config).WantOK()
			prev := host.WithPrev(config, added)
			host.Run("CHECK", "543210987654321", prev).WantOK()
			host.gc(append(keys, known(host.ContainerID, "543210987654321"))...).WantOK()
			host.Run("CHECK", "543210987654321", prev).WantOK()

			own := host.ContainerID
			host.ContainerID = own[1:] + "d" // as long, and another's
			host.Run("DEL", "543210987654321", config).WantOK()
			host.ContainerID = own
			host.Run("CHECK", "543210987654321", prev).WantOK()
			host.gc(append(keys, known(own[1:]+"d", "543210987654321"))...).WantOK() // it is stale now
			host.wantNames("")
			host.Run("ADD", "543210987654321", config).WantOK()
			host.Run("DEL", "543210987654321", config).WantOK()
			host.WantSame(before)
		})
	}
}

// The configuration goes on to the IPAM plugin whole, whatever its size.
func TestHostileConfigurationReachesIPAM(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t)
	dir := t.TempDir()
	host.Must(os.WriteFile(filepath.Join(dir, "hostile"), []byte("#!/bin/sh\ncat >\"$STORE/seen-$CNI_COMMAND\"\n"+printsIP), 0o755))
	config := conf(t, m{"ipam": m{"type": "hostile"}, "unknown": strings.Repeat("x", 10<<20)})
	for _, verb := range []string{"ADD", "DEL"} {
		host.Run(verb, "net1", config, "CNI_PATH="+dir, "STORE="+host.Store).WantOK()
		if seen := harness.ReadFile(t, filepath.Join(host.Store, "seen-"+verb)); !bytes.Equal([]byte(seen), []byte(config)) {
			t.Errorf("%s: %d bytes of %d", verb, len(seen), len(config))
		}
	}
}
