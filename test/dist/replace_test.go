package dist

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"tap/test/harness"
)

func pid(cmd *exec.Cmd) string { return strconv.Itoa(cmd.Process.Pid) }

// anotherBuild is the plugin of another version.
func anotherBuild(t *testing.T) string {
	t.Helper()
	plugin := filepath.Join(t.TempDir(), "tap")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.buildVersion=another", "-o", plugin, "./cmd/tap")
	cmd.Dir = repository
	output(t, cmd)
	return plugin
}

// While the plugin is replaced, again and again, runtimes execute it: each ADD and each
// DEL is of the old one or the new one, and works.
func TestInstallWhileAddsRun(t *testing.T) {
	const adds, replacements, atATime = 500, 50, 4
	i := newTools(t)
	builds := []string{i.plugin, anotherBuild(t)}
	i.wantOK(t, "installed", "install")
	host := harness.NewHost(t)
	host.Plugin = i.target()
	before := host.Snapshot()

	var added, replaced atomic.Int32
	enough := func() bool { return added.Load() >= adds && replaced.Load() >= replacements || t.Failed() }
	var all sync.WaitGroup
	for worker := range atATime {
		all.Go(func() {
			name := fmt.Sprint("net", worker)
			for !enough() {
				host.Run("ADD", name, `{"cniVersion": "1.1.0", "name": "vms", "type": "tap"}`).WantOK()
				host.Run("DEL", name, `{"cniVersion": "1.1.0", "name": "vms", "type": "tap"}`).WantOK()
				added.Add(1)
			}
		})
	}
	all.Go(func() {
		for n := 1; !enough(); n++ {
			i.plugin = builds[n%2]
			i.wantOK(t, "installed", "install")
			replaced.Add(1)
		}
	})
	all.Wait()
	t.Logf("%d ADDs during %d replacements", added.Load(), replaced.Load())
	host.WantSame(before)
}
