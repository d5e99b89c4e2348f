package cni

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tap/internal/netconf"
)

// outputOf returns what f writes to a stream of the process.
func outputOf(t *testing.T, stream FDWriter, f func()) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	before, err := unix.Dup(int(stream))
	if err != nil {
		t.Fatal(err)
	}
	replace := func(fd int) {
		t.Helper()
		if err := unix.Dup3(fd, int(stream), 0); err != nil {
			t.Fatal(err)
		}
	}
	replace(int(write.Fd()))
	f()
	replace(before)
	unix.Close(before) //nolint:errcheck // a copy
	write.Close()
	text, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// variables are those that the runtime sets.
var variables = []string{"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_NETNS_OVERRIDE", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"}

// setEnvironment sets the variables of the runtime to the given values, the others to nothing.
func setEnvironment(t *testing.T, values map[string]string) {
	t.Helper()
	for _, name := range variables {
		t.Setenv(name, values[name])
	}
}

// environmentError returns the error of a verb for which no other variable is set.
func environmentError(t *testing.T, command string) error {
	t.Helper()
	setEnvironment(t, map[string]string{"CNI_COMMAND": command})
	_, err := readArgs()
	return err
}

func TestReadArgs(t *testing.T) {
	setEnvironment(t, map[string]string{
		"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "0123", "CNI_NETNS": "/run/netns/pod", "CNI_NETNS_OVERRIDE": "1",
		"CNI_IFNAME": "net1", "CNI_ARGS": "A=b", "CNI_PATH": "/opt/cni/bin",
	})
	got, err := readArgs()
	if err != nil {
		t.Fatal(err)
	}
	want := netconf.Args{
		Command: "ADD", ContainerID: "0123", Netns: "/run/netns/pod", NetnsOverride: "1", IfName: "net1", Args: "A=b", Path: "/opt/cni/bin",
	}
	if got.Command != want.Command || got.ContainerID != want.ContainerID || got.Netns != want.Netns || got.NetnsOverride != want.NetnsOverride ||
		got.IfName != want.IfName || got.Args != want.Args || got.Path != want.Path || got.RedirectDefaults != nil {
		t.Errorf("readArgs\nwant %+v\ngot  %+v", want, *got)
	}
}

func TestReadArgsRequiredVariables(t *testing.T) {
	all := map[string]string{"CNI_CONTAINERID": "0123", "CNI_NETNS": "/run/netns/pod", "CNI_IFNAME": "net1", "CNI_PATH": "/opt/cni/bin"}
	for command, needed := range map[string][]string{
		"ADD": {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}, "CHECK": {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"},
		"DEL": {"CNI_CONTAINERID", "CNI_IFNAME"}, "GC": {"CNI_PATH"}, "STATUS": nil, "VERSION": nil,
	} {
		for name := range all {
			t.Run(command+" without "+name, func(t *testing.T) {
				values := map[string]string{"CNI_COMMAND": command}
				for key, value := range all {
					if key != name {
						values[key] = value
					}
				}
				setEnvironment(t, values)
				_, err := readArgs()
				if want := slices.Contains(needed, name); want != (err != nil) || want && !strings.Contains(err.Error(), command+" needs "+name) {
					t.Errorf("readArgs\nwant an error that names %s: %v\ngot  %v", name, want, err)
				}
			})
		}
	}
}

// IPAM plugins are searched beside the plugin if the runtime sets no CNI_PATH.
func TestReadArgsWithoutPath(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	setEnvironment(t, map[string]string{"CNI_COMMAND": "STATUS"})
	args, err := readArgs()
	if err != nil || args.Path != filepath.Dir(self) || os.Getenv("CNI_PATH") != filepath.Dir(self) {
		t.Errorf("CNI_PATH\nwant %s\ngot  %s, in the environment %s, %v", filepath.Dir(self), args.Path, os.Getenv("CNI_PATH"), err)
	}
}

func TestReadArgsAsRedirector(t *testing.T) {
	before := os.Args[0]
	defer func() { os.Args[0] = before }()
	os.Args[0] = "/opt/cni/bin/tc-redirect-tap"
	setEnvironment(t, map[string]string{"CNI_COMMAND": "VERSION"})
	args, err := readArgs()
	if err != nil || args.RedirectDefaults == nil || args.RedirectDefaults.User != uint32(os.Geteuid()) || args.RedirectDefaults.Group != uint32(os.Getegid()) {
		t.Errorf("Redirector\nwant the user and the group of the process\ngot  %+v, %v", args.RedirectDefaults, err)
	}
}

// verbsThat returns verbs that note their name and return err.
func verbsThat(called *[]string, err error) Verbs {
	verb := func(name string) func(*netconf.Args) error {
		return func(*netconf.Args) error {
			*called = append(*called, name)
			return err
		}
	}
	return Verbs{
		Add: func(args *netconf.Args, _ FDWriter) error { return verb("ADD")(args) },
		Del: verb("DEL"), Check: verb("CHECK"), Status: verb("STATUS"), GC: verb("GC"),
	}
}

// fileOf returns an open file with a text.
func fileOf(t *testing.T, text string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// replaceStdin replaces the standard input of the process until the end of the test.
func replaceStdin(t *testing.T, file *os.File) {
	t.Helper()
	before := os.Stdin
	os.Stdin = file
	t.Cleanup(func() { os.Stdin = before })
}

func runWithStdin(t *testing.T, file *os.File) error {
	t.Helper()
	before := os.Stdin
	defer func() { os.Stdin = before }()
	os.Stdin = file
	var called []string
	err := run(&netconf.Args{Command: "ADD", ContainerID: "0123", Netns: "/run/netns/pod", IfName: "net1"}, verbsThat(&called, nil))
	if len(called) > 0 {
		t.Errorf("verbs\nwant none\ngot  %q", called)
	}
	return err
}

const configuration = `{"cniVersion": "1.1.0", "name": "vms", "type": "tap", "prevResult": {}}`

func TestRunCallsTheVerb(t *testing.T) {
	for _, command := range []string{"ADD", "DEL", "CHECK", "STATUS", "GC"} {
		t.Run(command, func(t *testing.T) {
			replaceStdin(t, fileOf(t, configuration))
			var called []string
			refused := errors.New("refused")
			args := &netconf.Args{Command: command, ContainerID: "0123", Netns: "/run/netns/pod", IfName: "net1"}
			err := run(args, verbsThat(&called, refused))
			if !errors.Is(err, refused) || !slices.Equal(called, []string{command}) {
				t.Errorf("run\nwant %s and its error\ngot  %q, %v", command, called, err)
			}
			if string(args.StdinData) != configuration {
				t.Errorf("StdinData\nwant %s\ngot  %s", configuration, args.StdinData)
			}
		})
	}
}

func TestRunValidatesBeforeTheVerb(t *testing.T) {
	replaceStdin(t, fileOf(t, `{"cniVersion": "0.3.1", "name": "vms"}`))
	var called []string
	err := run(&netconf.Args{Command: "CHECK", ContainerID: "0123", Netns: "/run/netns/pod", IfName: "net1"}, verbsThat(&called, nil))
	if got := Render(err); got == nil || got.Code != 1 || len(called) > 0 {
		t.Errorf("run of CHECK with cniVersion 0.3.1\nwant code 1, no verb\ngot  %v, %q", err, called)
	}
}

// mainOf runs Main with an environment and standard input, and returns what it prints.
func mainOf(t *testing.T, values map[string]string, stdin string, verbs Verbs) (stdout, stderr string, err error) { //nolint:nonamedreturns // two strings need names
	t.Helper()
	setEnvironment(t, values)
	replaceStdin(t, fileOf(t, stdin))
	stderr = outputOf(t, Stderr, func() {
		stdout = outputOf(t, Stdout, func() { err = Main("v0", verbs) })
	})
	return stdout, stderr, err
}

var addEnvironment = map[string]string{
	"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "0123", "CNI_NETNS": "/run/netns/pod", "CNI_IFNAME": "net1", "CNI_PATH": "/opt/cni/bin",
}

func TestMainPrintsTheError(t *testing.T) {
	var called []string
	refused := Kind{CodeBridge, "make it"}.New("no bridge")
	stdout, stderr, err := mainOf(t, addEnvironment, strings.Replace(configuration, "1.1.0", "1.0.0", 1), verbsThat(&called, refused))
	want := `{
    "cniVersion": "1.0.0",
    "code": 106,
    "msg": "no bridge",
    "details": "make it"
}
`
	if stdout != want || stderr != "" || !errors.Is(err, refused) {
		t.Errorf("Main\nwant %s\ngot  %s, on standard error %q, %v", want, stdout, stderr, err)
	}
}

// The result may still arrive, and must not be followed by an error object.
func TestMainPrintsNoErrorBesideAPendingResult(t *testing.T) {
	var called []string
	pending := errors.Join(Kind{CodeInterrupted, MayTryAgain}.Override(ErrPending), errors.New("undo: no"))
	stdout, stderr, err := mainOf(t, addEnvironment, configuration, verbsThat(&called, pending))
	if want := "tap: write the result; undo: no; " + MayTryAgain + "\n"; stdout != "" || stderr != want || err == nil {
		t.Errorf("Main\nwant nothing, on standard error %q\ngot  %q, on standard error %q, %v", want, stdout, stderr, err)
	}
}

func TestMainWithoutErrorPrintsNothing(t *testing.T) {
	var called []string
	stdout, stderr, err := mainOf(t, addEnvironment, configuration, verbsThat(&called, nil))
	if stdout != "" || stderr != "" || err != nil || !slices.Equal(called, []string{"ADD"}) {
		t.Errorf("Main\nwant ADD, no output\ngot  %q, %q, %q, %v", called, stdout, stderr, err)
	}
}

func TestMainWithoutCommandIntroducesItself(t *testing.T) {
	var called []string
	stdout, stderr, err := mainOf(t, nil, "", verbsThat(&called, nil))
	if stdout != "" || !strings.HasPrefix(stderr, "CNI plugin tap v0: ") || err != nil || len(called) > 0 {
		t.Errorf("Main\nwant a text on standard error, no verb\ngot  %q, %q, %v, %q", stdout, stderr, err, called)
	}
}

func TestMainVersion(t *testing.T) {
	var called []string
	stdout, _, err := mainOf(t, map[string]string{"CNI_COMMAND": "VERSION"}, `{"cniVersion": "0.4.0"}`, verbsThat(&called, nil))
	if want := `{"cniVersion":"0.4.0","supportedVersions":["0.1.0",`; !strings.HasPrefix(stdout, want) || err != nil || len(called) > 0 {
		t.Errorf("Main\nwant %s…, no verb\ngot  %s, %v, %q", want, stdout, err, called)
	}
}

func TestNotice(t *testing.T) {
	got := outputOf(t, Stderr, func() { Notice("tap %q: %d", "net1", 5) })
	if want := "tap: tap \"net1\": 5\n"; got != want {
		t.Errorf("Notice\nwant %q\ngot  %q", want, got)
	}
}
