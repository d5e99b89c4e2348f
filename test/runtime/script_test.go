// Package runtime runs the plugin in the runtimes that people use, by scripts which the documentation quotes as its
// examples. `make runtime-test` runs it.
//
// testdata has a folder for each runtime, with a file for each scenario: a script of package testscript and the files
// that it needs. A Go file for each runtime prepares what a page need not show. Each script has a machine of its own
// (machine_test.go), which has to be at its end as it was found (state_test.go).
package runtime

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tap/test/harness"
	"tap/test/isolate"
)

func TestMain(m *testing.M) {
	flag.Parse()
	switch {
	case os.Getenv(scriptVar) != "":
		os.Exit(isolate.Run(m.Run, makeMachine))
	case os.Getenv(sweepVar) != "":
		os.Exit(sweep(os.Getenv(sweepVar)))
	}
	if os.Getenv("RUNTIME") == "" {
		fmt.Println("only the documents are looked at; make runtime-test runs the scripts")
		if err := flag.Set("test.run", "^TestDocuments"); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if err := errors.Join(isolate.DieWithParent(), startSweeper()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// scriptVar names the script that is to be run in this machine; outside of a machine it is not set.
const scriptVar = "RUNTIME_SCRIPT"

// scripts runs those of testdata/FOLDER, each in a machine of its own, where prepare is called first. It may add to
// the script's variables, and to its folder, which has the examples already.
func scripts(t *testing.T, folder string, prepare func(*testscript.Env) error) {
	t.Helper()
	if file := os.Getenv(scriptVar); file != "" {
		var before state
		testscript.Run(t, testscript.Params{
			Files:              []string{file},
			Cmds:               commands,
			RequireUniqueNames: true,
			Setup: func(env *testscript.Env) error {
				env.Setenv("HOME", "/root")
				if err := os.CopyFS(filepath.Join(env.WorkDir, "examples"), os.DirFS("../../examples")); err != nil {
					return err
				}
				if err := prepare(env); err != nil {
					return err
				}
				before = look(t)
				env.Defer(func() {
					if !t.Failed() {
						before.wantSame(t)
					}
				})
				return nil
			},
		})
		return
	}
	harness.NeedRoot(t)
	files, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts of %s: %v", folder, err)
	}
	for _, file := range files {
		test := t.Name()
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runInMachine(t, test, file) })
	}
}

// need skips the test where a program cannot be had.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			harness.Skip(t, fmt.Sprintf("%v: `make deps FOR=runtime-test` installs it", err))
		}
	}
}

// needBuilt skips the test where a program could not be built from its module.
func needBuilt(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := os.Stat(filepath.Join(harness.BinDir(t), "runtime", name)); err != nil {
			harness.Skip(t, err.Error()+": `make runtime-test` builds it")
		}
	}
}

// addToPath lets the script call programs of bin/ and bin/runtime/ by their names; what else is there would hide
// programs of the distribution.
func addToPath(env *testscript.Env, t *testing.T, programs ...string) error {
	dir := filepath.Join(env.WorkDir, ".bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, name := range programs {
		path := filepath.Join(harness.BinDir(t), "runtime", name)
		if _, err := os.Stat(path); err != nil {
			path = harness.Bin(t, name)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	env.Setenv("PATH", dir+":"+env.Getenv("PATH"))
	return nil
}

// commands are what scripts have besides testscript's own.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"until": until,
}

// until executes a program again and again until it succeeds: until PROGRAM [ARGUMENT...]. With `!`, until it fails.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: [!] until program [args...]")
	}
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[0], args[1:]...)
		if (err == nil) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("waited three minutes: %v", err)
		}
	}
}
