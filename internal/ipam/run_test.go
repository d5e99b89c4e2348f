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

// pluginOf makes an IPAM plugin of a shell script.
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
		{"none before", []string{"CNI_IFNAME=net1"}, []string{"CNI_IFNAME=net1", "CNI_COMMAND=DEL"}},
		{"another before", []string{"CNI_COMMAND=ADD", "PATH=/bin"}, []string{"PATH=/bin", "CNI_COMMAND=DEL"}},
		{"several before", []string{"CNI_COMMAND=ADD", "A=1", "CNI_COMMAND=CHECK"}, []string{"A=1", "CNI_COMMAND=DEL"}},
		{"names that only look like it", []string{"CNI_COMMANDS=x", "XCNI_COMMAND=y", "CNI_COMMAND"}, []string{"CNI_COMMANDS=x", "XCNI_COMMAND=y", "CNI_COMMAND", "CNI_COMMAND=DEL"}},
		{"empty", nil, []string{"CNI_COMMAND=DEL"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := append([]string(nil), tt.env...)
			if got := withCommand(tt.env, "DEL"); !reflect.DeepEqual(got, append(tt.want, recursionMark)) {
				t.Errorf("withCommand\nwant %q and %q\ngot  %q", tt.want, recursionMark, got)
			}
			if !reflect.DeepEqual(tt.env, before) {
				t.Errorf("the runtime's environment afterwards\nwant %q\ngot  %q", before, tt.env)
			}
		})
	}
}

func TestOutputIsBounded(t *testing.T) {
	tests := []struct {
		name   string
		writes []int // bytes
		length int
		full   bool
	}{
		{"nothing", nil, 0, false},
		{"a little", []int{10, 20}, 30, false},
		{"at the bound at once", []int{maxOutput}, maxOutput, false},
		{"at the bound in two", []int{maxOutput - 1, 1}, maxOutput, false},
		{"one more at once", []int{maxOutput + 1}, 0, true},
		{"one more in two", []int{maxOutput, 1}, maxOutput, true},
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

// io.Copy, which os/exec uses, prefers ReadFrom to Write: the bound must hold for it.
func TestOutputHasNoWayRoundItsBound(t *testing.T) {
	var out any = &output{}
	if _, ok := out.(io.ReaderFrom); ok {
		t.Error("output\nwant Write alone\ngot  a ReadFrom as well")
	}
}

func TestOutputErrorObject(t *testing.T) {
	tests := []struct {
		name, printed string
		want          *types.Error
	}{
		{"nothing", ``, nil},
		{"words", `hello`, nil},
		{"a result", `{"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.5/24"}]}`, nil},
		{"an empty object", `{}`, nil},
		{"an array", `[{"code": 7, "msg": "no"}]`, nil},
		{"an error", `{"cniVersion": "1.1.0", "code": 11, "msg": "no free address", "details": "d"}`, &types.Error{Code: 11, Msg: "no free address", Details: "d"}},
		{"an error without words", `{"code": 11}`, &types.Error{Code: 11}},
		{"code is a word", `{"code": "seven", "msg": "no"}`, nil},
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

func TestRunHandsOnEnvironmentAndStdin(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	p := pluginOf(t, `{ echo "$CNI_COMMAND $CNI_IFNAME $#"; cat; } >"$SEEN"; echo printed`)
	call := Call{Stdin: []byte(`{"name": "vms"}`), Env: []string{"SEEN=" + seen, "CNI_COMMAND=ADD", "CNI_IFNAME=net1", "PATH=" + os.Getenv("PATH")}}

	out, err := p.run(context.Background(), "CHECK", call)
	if err != nil || string(out) != "printed\n" {
		t.Fatalf("run\nwant what it printed\ngot  %q, %v", out, err)
	}
	got, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if want := "CHECK net1 0\n" + `{"name": "vms"}`; string(got) != want {
		t.Errorf("what the plugin saw\nwant %q\ngot  %q", want, got)
	}
}

func TestRunErrors(t *testing.T) {
	tests := []struct {
		name, script string
		reported     *types.Error
		text         string
	}{
		{"reports and fails", `echo '{"code": 11, "msg": "no free address", "details": "d"}'; exit 1`,
			&types.Error{Code: 11, Msg: "no free address", Details: "d"}, "no free address"},
		{"reports and succeeds all the same", `echo '{"code": 7, "msg": "no range"}'`, &types.Error{Code: 7, Msg: "no range"}, "no range"},
		{"fails in silence", `exit 3`, nil, "exit status 3"},
		{"fails with words", `echo oops; exit 1`, nil, "exit status 1"},
		{"prints a result and fails", `echo '{"ips": [{"address": "10.0.0.5/24"}]}'; exit 1`, nil, "exit status 1"},
		{"dies by a signal", `kill -9 $$`, nil, "signal: killed"},
		{"reports and dies", `echo '{"code": 123, "msg": "help"}'; kill -9 $$`, &types.Error{Code: 123, Msg: "help"}, "help"},
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

func TestRunThatCannotStart(t *testing.T) {
	_, err := (&Plugin{name: "fake", path: filepath.Join(t.TempDir(), "gone")}).run(context.Background(), "ADD", Call{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), `IPAM plugin "fake": ADD`) {
		t.Errorf("run\nwant %v, naming plugin and verb\ngot  %v", os.ErrNotExist, err)
	}
}

func TestRunIgnoresAnUnreadStdin(t *testing.T) {
	p := pluginOf(t, `exec <&-; echo printed`)
	out, err := p.run(context.Background(), "ADD", Call{Stdin: bytes.Repeat([]byte("x"), 1<<20)})
	if err != nil || string(out) != "printed\n" {
		t.Errorf("run of a plugin that does not read\nwant what it printed\ngot  %q, %v", out, err)
	}
}

func TestRunTooMuchOutput(t *testing.T) {
	tests := []struct{ name, script string }{
		{"five megabytes", `head -c 5000000 /dev/zero`},
		{"five megabytes of a result", `printf '{"ips": [{"address": "10.0.0.5/24"}]}'; head -c 5000000 /dev/zero | tr '\0' ' '`},
		{"without end", `exec yes`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // where there is no bound
			defer cancel()
			p := pluginOf(t, tt.script)
			_, err := p.run(ctx, "ADD", Call{Env: []string{"PATH=" + os.Getenv("PATH")}})
			if err == nil || !strings.Contains(err.Error(), "printed more than 4194304 bytes") {
				t.Errorf("run\nwant an error about too much output\ngot  %.200v", err)
			}
		})
	}
}

// Whatever a plugin does, run comes back soon, and says why. All at once, since
// some take the whole gracePeriod.
func TestRunComesBack(t *testing.T) {
	tests := []struct {
		name, script string
		told         bool // to end, as soon as the plugin says that it is ready
		want         error
	}{
		{"told to end", `touch "$READY"; exec sleep 30`, true, ErrInterrupted},
		{"told to end, and does not listen", `trap '' TERM; touch "$READY"; while :; do sleep 0.1; done`, true, ErrInterrupted},
		{"told to end, and a child holds the output", `sleep 30 2>/dev/null & touch "$READY"; wait`, true, ErrInterrupted},
		{"told to end, and succeeds all the same", `trap 'echo "{}"; exit 0' TERM; touch "$READY"; sleep 30 >/dev/null 2>&1 & wait`, true, ErrInterrupted},
		{"a child that it left behind holds the output", `sleep 30 2>/dev/null & echo '{}'`, false, nil},
	}
	var plugins []*Plugin // all written before the first is started: what a fork still holds open for writing cannot be executed
	for _, tt := range tests {
		plugins = append(plugins, pluginOf(t, tt.script))
	}
	var running sync.WaitGroup
	for i, tt := range tests {
		running.Go(func() {
			p, ready := plugins[i], plugins[i].path+".ready"
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if tt.told {
				go cancelWhenReady(ready, cancel)
			}
			begin := time.Now()
			_, err := p.run(ctx, "ADD", Call{Env: []string{"READY=" + ready, "PATH=" + os.Getenv("PATH")}})
			if !errors.Is(err, tt.want) {
				t.Errorf("%s: run\nwant %v\ngot  %v", tt.name, tt.want, err)
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("%s: run took\nwant %v and a bit\ngot  %v", tt.name, gracePeriod, took)
			}
		})
	}
	running.Wait()
}

// A plugin that is killed at once could not take its reservation back.
func TestRunAsksThePluginToEnd(t *testing.T) {
	p := pluginOf(t, `trap 'echo asked >"$READY.told"; exit 1' TERM; touch "$READY"; sleep 30 >/dev/null 2>&1 & wait`)
	ready := p.path + ".ready"
	ctx, cancel := context.WithCancel(context.Background())
	go cancelWhenReady(ready, cancel)

	if _, err := p.run(ctx, "ADD", Call{Env: []string{"READY=" + ready, "PATH=" + os.Getenv("PATH")}}); !errors.Is(err, ErrInterrupted) {
		t.Errorf("run\nwant %v\ngot  %v", ErrInterrupted, err)
	}
	if told, err := os.ReadFile(ready + ".told"); string(told) != "asked\n" {
		t.Errorf("what the plugin noted\nwant asked\ngot  %q, %v", told, err)
	}
}

func cancelWhenReady(path string, cancel context.CancelFunc) {
	for ; ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			cancel()
			return
		}
	}
}

func TestErrorKeepsItsCause(t *testing.T) {
	cause := errors.New("because")
	if err := (&Error{Plugin: "fake", Verb: "ADD", Err: cause}); !errors.Is(err, cause) {
		t.Errorf("errors.Is\nwant the cause in the chain\ngot  %v", err)
	}
	if err := (&Error{Reported: &types.Error{Msg: "no"}}); errors.Is(err, cause) {
		t.Errorf("errors.Is\nwant no cause\ngot  %v", err)
	}
}
