package ipam

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"
)

// pluginOf returns an IPAM plugin that runs a shell script.
func pluginOf(t *testing.T, script string) *Plugin {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fake")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &Plugin{name: "fake", path: path}
}

func TestWithCommand(t *testing.T) {
	tests := []struct {
		name      string
		env, want []string
	}{
		{"not set", []string{"CNI_IFNAME=net1"}, []string{"CNI_IFNAME=net1", "CNI_COMMAND=DEL"}},
		{"set", []string{"CNI_COMMAND=ADD", "PATH=/bin"}, []string{"PATH=/bin", "CNI_COMMAND=DEL"}},
		{"set twice", []string{"CNI_COMMAND=ADD", "A=1", "CNI_COMMAND=CHECK"}, []string{"A=1", "CNI_COMMAND=DEL"}},
		{"similar names", []string{"CNI_COMMANDS=x", "XCNI_COMMAND=y", "CNI_COMMAND"},
			[]string{"CNI_COMMANDS=x", "XCNI_COMMAND=y", "CNI_COMMAND", "CNI_COMMAND=DEL"}},
		{"empty", nil, []string{"CNI_COMMAND=DEL"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := append([]string(nil), tt.env...)
			if got := withCommand(tt.env, "DEL"); !reflect.DeepEqual(got, append(tt.want, recursionMark)) {
				t.Errorf("withCommand\nwant %q and %q\ngot  %q", tt.want, recursionMark, got)
			}
			if !reflect.DeepEqual(tt.env, before) {
				t.Errorf("input after the call\nwant %q\ngot  %q", before, tt.env)
			}
		})
	}
}

func TestOutputLimit(t *testing.T) {
	tests := []struct {
		name   string
		writes []int // bytes
		length int
		full   bool
	}{
		{"empty", nil, 0, false},
		{"below the limit", []int{10, 20}, 30, false},
		{"at the limit, one write", []int{maxOutput}, maxOutput, false},
		{"at the limit, two writes", []int{maxOutput - 1, 1}, maxOutput, false},
		{"above the limit, one write", []int{maxOutput + 1}, 0, true},
		{"above the limit, two writes", []int{maxOutput, 1}, maxOutput, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out output
			for i, n := range tt.writes {
				_, err := out.Write(make([]byte, n))
				if last := i == len(tt.writes)-1; (err != nil) != (tt.full && last) {
					t.Errorf("write %d of %d bytes\nwant an error: %v\ngot  %v", i, n, tt.full && last, err)
				}
			}
			if got := len(out.buf.Bytes()); got != tt.length || out.full != tt.full {
				t.Errorf("length and full\nwant %d, %v\ngot  %d, %v", tt.length, tt.full, got, out.full)
			}
		})
	}
}

// os/exec uses io.Copy, which calls ReadFrom instead of Write if there is one.
func TestOutputHasNoReadFrom(t *testing.T) {
	var out any = &output{}
	if _, ok := out.(io.ReaderFrom); ok {
		t.Error("output\nwant no ReadFrom\ngot  one")
	}
}

func TestOutputErrorObject(t *testing.T) {
	tests := []struct {
		name, printed string
		want          *types.Error
	}{
		{"empty", ``, nil},
		{"not JSON", `hello`, nil},
		{"result", `{"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.5/24"}]}`, nil},
		{"empty object", `{}`, nil},
		{"array", `[{"code": 7, "msg": "no"}]`, nil},
		{"error", `{"cniVersion": "1.1.0", "code": 11, "msg": "no free address", "details": "d"}`,
			&types.Error{Code: 11, Msg: "no free address", Details: "d"}},
		{"error without msg", `{"code": 11}`, &types.Error{Code: 11}},
		{"code is a string", `{"code": "seven", "msg": "no"}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out output
			if _, err := out.Write([]byte(tt.printed)); err != nil {
				t.Fatal(err)
			}
			if got := out.errorObject(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("errorObject\nwant %+v\ngot  %+v", tt.want, got)
			}
		})
	}
}

func TestRunPassesEnvironmentAndStdin(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	p := pluginOf(t, `{ echo "$CNI_COMMAND $CNI_IFNAME $#"; cat; } >"$SEEN"; echo printed`)
	call := Call{
		Stdin: []byte(`{"name": "vms"}`),
		Env:   []string{"SEEN=" + seen, "CNI_COMMAND=ADD", "CNI_IFNAME=net1", "PATH=" + os.Getenv("PATH")},
	}

	out, err := p.run(context.Background(), "CHECK", call)
	if err != nil || string(out) != "printed\n" {
		t.Fatalf("run\nwant the output of the plugin\ngot  %q, %v", out, err)
	}
	got, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if want := "CHECK net1 0\n" + `{"name": "vms"}`; string(got) != want {
		t.Errorf("input of the plugin\nwant %q\ngot  %q", want, got)
	}
}

func TestRunErrors(t *testing.T) {
	tests := []struct {
		name, script string
		reported     *types.Error
		text         string
	}{
		{"error object, exit status 1", `echo '{"code": 11, "msg": "no free address", "details": "d"}'; exit 1`,
			&types.Error{Code: 11, Msg: "no free address", Details: "d"}, "no free address"},
		{"error object, exit status 0", `echo '{"code": 7, "msg": "no range"}'`, &types.Error{Code: 7, Msg: "no range"},
			"no range"},
		{"no output, exit status 3", `exit 3`, nil, "exit status 3"},
		{"no JSON, exit status 1", `echo oops; exit 1`, nil, "exit status 1"},
		{"result, exit status 1", `echo '{"ips": [{"address": "10.0.0.5/24"}]}'; exit 1`, nil, "exit status 1"},
		{"killed", `kill -9 $$`, nil, "signal: killed"},
		{"error object, killed", `echo '{"code": 123, "msg": "help"}'; kill -9 $$`, &types.Error{Code: 123, Msg: "help"}, "help"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := pluginOf(t, tt.script).run(context.Background(), "ADD", Call{})
			var got *Error
			if out != nil || !errors.As(err, &got) {
				t.Fatalf("run\nwant an Error and no output\ngot  %q, %v", out, err)
			}
			if got.Plugin != "fake" || got.Verb != "ADD" || !reflect.DeepEqual(got.Reported, tt.reported) {
				t.Errorf("Error\nwant fake, ADD, %+v\ngot  %s, %s, %+v", tt.reported, got.Plugin, got.Verb, got.Reported)
			}
			if want := `IPAM plugin "fake": ADD: ` + tt.text; err.Error() != want {
				t.Errorf("text\nwant %s\ngot  %s", want, err)
			}
		})
	}
}

func TestRunMissingFile(t *testing.T) {
	_, err := (&Plugin{name: "fake", path: filepath.Join(t.TempDir(), "gone")}).run(context.Background(), "ADD", Call{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), `IPAM plugin "fake": ADD`) {
		t.Errorf("run\nwant %v, with plugin and verb\ngot  %v", os.ErrNotExist, err)
	}
}

func TestRunStdinNotRead(t *testing.T) {
	p := pluginOf(t, `exec <&-; echo printed`)
	out, err := p.run(context.Background(), "ADD", Call{Stdin: bytes.Repeat([]byte("x"), 1<<20)})
	if err != nil || string(out) != "printed\n" {
		t.Errorf("run\nwant the output of the plugin\ngot  %q, %v", out, err)
	}
}

func TestRunTooMuchOutput(t *testing.T) {
	tests := []struct{ name, script string }{
		{"five megabytes", `head -c 5000000 /dev/zero`},
		{"five megabytes after a result",
			`printf '{"ips": [{"address": "10.0.0.5/24"}]}'; head -c 5000000 /dev/zero | tr '\0' ' '`},
		{"endless", `exec yes`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // ends the test if there is no limit
			defer cancel()
			p := pluginOf(t, tt.script)
			_, err := p.run(ctx, "ADD", Call{Env: []string{"PATH=" + os.Getenv("PATH")}})
			if err == nil || !strings.Contains(err.Error(), "printed more than 4194304 bytes") {
				t.Errorf("run\nwant an error about too much output\ngot  %.200v", err)
			}
		})
	}
}

// run returns soon, with the right error, whatever the plugin does. The cases run concurrently, as some take
// the whole gracePeriod.
func TestRunReturns(t *testing.T) {
	tests := []struct {
		name, script string
		interrupted  bool // cancel the context as soon as the plugin has created $READY
		want         error
	}{
		{"interrupted", `touch "$READY"; exec sleep 30`, true, ErrInterrupted},
		{"interrupted, ignores SIGTERM", `trap '' TERM; touch "$READY"; while :; do sleep 0.1; done`, true, ErrInterrupted},
		{"interrupted, child keeps the output open", `sleep 30 2>/dev/null & touch "$READY"; wait`, true, ErrInterrupted},
		{"interrupted, succeeds", `trap 'echo "{}"; exit 0' TERM; touch "$READY"; sleep 30 >/dev/null 2>&1 & wait`, true,
			ErrInterrupted},
		{"left a child that keeps the output open", `sleep 30 2>/dev/null & echo '{}'`, false, nil},
	}
	// All plugins are written before the first is started: a file that a forked child still has open for writing
	// cannot be executed (ETXTBSY).
	var plugins []*Plugin
	for _, tt := range tests {
		plugins = append(plugins, pluginOf(t, tt.script))
	}
	var running sync.WaitGroup
	for i, tt := range tests {
		running.Go(func() {
			p, ready := plugins[i], plugins[i].path+".ready"
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if tt.interrupted {
				go cancelWhenReady(ready, cancel)
			}
			begin := time.Now()
			_, err := p.run(ctx, "ADD", Call{Env: []string{"READY=" + ready, "PATH=" + os.Getenv("PATH")}})
			if !errors.Is(err, tt.want) {
				t.Errorf("%s: run\nwant %v\ngot  %v", tt.name, tt.want, err)
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("%s: run took\nwant little more than %v\ngot  %v", tt.name, gracePeriod, took)
			}
		})
	}
	running.Wait()
}

// The plugin gets SIGTERM before it is killed, so that it can release its reservation.
func TestRunSendsSIGTERM(t *testing.T) {
	p := pluginOf(t, `trap 'echo TERM >"$READY.signal"; exit 1' TERM; touch "$READY"; sleep 30 >/dev/null 2>&1 & wait`)
	ready := p.path + ".ready"
	ctx, cancel := context.WithCancel(context.Background())
	go cancelWhenReady(ready, cancel)

	_, err := p.run(ctx, "ADD", Call{Env: []string{"READY=" + ready, "PATH=" + os.Getenv("PATH")}})
	if !errors.Is(err, ErrInterrupted) {
		t.Errorf("run\nwant %v\ngot  %v", ErrInterrupted, err)
	}
	if signal, err := os.ReadFile(ready + ".signal"); string(signal) != "TERM\n" {
		t.Errorf("signal that the plugin caught\nwant TERM\ngot  %q, %v", signal, err)
	}
}

// cancelWhenReady calls cancel as soon as the file exists.
func cancelWhenReady(path string, cancel context.CancelFunc) {
	for ; ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			cancel()
			return
		}
	}
}

func TestErrorUnwrap(t *testing.T) {
	cause := errors.New("because")
	if err := (&Error{Plugin: "fake", Verb: "ADD", Err: cause}); !errors.Is(err, cause) {
		t.Errorf("errors.Is\nwant the cause in the chain\ngot  %v", err)
	}
	if err := (&Error{Reported: &types.Error{Msg: "no"}}); errors.Is(err, cause) {
		t.Errorf("errors.Is\nwant no cause\ngot  %v", err)
	}
}
