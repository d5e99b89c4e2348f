package runtime

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tap/test/harness"
	"tap/test/isolate"
)

// A runtime changes a machine: /etc/cni, /run/netns, devices, mounts. So each script has one of its own (package isolate). The
// scripts use the directories that runtimes use by default:
//
//   - /etc, /opt and /var are overlays: as on the real machine, and what is written is seen by this script alone. What a
//     runtime may have there already is hidden.
//   - /opt/cni/bin has the built plugins.
//   - cgroups are those below the machine's own.
//   - everybody may open /dev/net/tun, as udev sets it up: a container gets a node of the same mode.
//
// groupVar names the cgroup of the machine.
const groupVar = "RUNTIME_GROUP"

// runInMachine runs the part of a test that is about one script.
func runInMachine(t *testing.T, test, file string) {
	t.Helper()
	verbose, group := os.Getenv("RUNTIME") == "verbose", cgroupName(t)
	args := []string{"-test.run=^" + test + "$", "-test.timeout=5m"}
	if verbose {
		args = append(args, "-test.v")
	}
	cmd, err := isolate.Command(args...)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, scriptVar+"="+file, groupVar+"="+group, "TAP_BIN="+harness.BinDir(t))
	t.Cleanup(func() { removeCgroups(t, group) })
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if verbose {
		t.Logf("%s", out)
	}
}

// cgroupName returns a name for the cgroups of a test's machine.
func cgroupName(t *testing.T) string {
	return cgroupPrefix() + strings.ReplaceAll(t.Name(), "/", "-")
}

// makeMachine adds to the machine what runtimes need.
func makeMachine() error {
	bin := os.Getenv("TAP_BIN")
	steps := []func() error{
		func() error { return isolate.GiveTun(0o666) },
		func() error { return isolate.Overlay("/etc", "/etc") },
		func() error { return isolate.Overlay("/opt", "/opt") },
		func() error { return isolate.Overlay("/var", "/var") },
	}
	for _, hidden := range []string{"/etc/cni/net.d", "/etc/containerd", "/var/lib/cni", "/var/lib/containers", "/var/lib/containerd"} {
		steps = append(steps, func() error { return isolate.Hide(hidden) })
	}
	steps = append(steps,
		func() error { return isolate.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "") }, // as systemd has it
		func() error { return os.MkdirAll("/opt/cni/bin", 0o755) },
		func() error { return isolate.Overlay(bin, "/opt/cni/bin") },
		func() error { return enterOwnCgroups(os.Getenv(groupVar)) },
	)
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
