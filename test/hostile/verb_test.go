package hostile

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tap/test/harness"
	"tap/test/netns"
)

// Bounds within which a verb ends by itself, whatever a pod does.
const (
	addBound     = 60 * time.Second
	checkBound   = 45 * time.Second
	delBound     = 45 * time.Second
	gcBound      = 15 * time.Second // and gcBoundEach for each hostile namespace
	gcBoundEach  = 15 * time.Second
	statusBound  = 15 * time.Second
	signalBound  = 10 * time.Second // after SIGTERM
	memoryGrowth = 30 << 10         // KB above the same verb in an empty pod
)

var bounds = map[string]time.Duration{
	"ADD": addBound, "CHECK": checkBound, "DEL": delBound, "GC": gcBound + gcBoundEach, "STATUS": statusBound,
}

// m is a JSON object.
type m = map[string]any

// conf returns a configuration of cniVersion 1.1.0 with the given keys added.
func conf(t testing.TB, keys ...m) string {
	t.Helper()
	all := m{"cniVersion": "1.1.0", "name": "vms", "type": "tap"}
	for _, k := range keys {
		maps.Copy(all, k)
	}
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// fake configures the fake IPAM plugin.
func fake(extra m) m {
	ipam := m{"type": "fake", "store": "$STORE"}
	maps.Copy(ipam, extra)
	return m{"ipam": ipam}
}

// limited limits the guest's traffic in both directions.
var limited = m{"bandwidth": m{"ingressRate": 1e6, "ingressBurst": 1e6, "egressRate": 1e6, "egressBurst": 1e6}}

// run runs a verb for net1 or, if it is redirected, for eth0, and fails the test if the verb does not end within its bound.
func (p *pod) run(verb, ifname, config string, env ...string) harness.Ended {
	p.t.Helper()
	return p.finish(verb, p.Command(verb, ifname, config, env...))
}

// succeed runs a verb that has to succeed.
func (p *pod) succeed(verb, ifname, config string, env ...string) harness.Ended {
	p.t.Helper()
	ended := p.run(verb, ifname, config, env...)
	ended.WantOK()
	return ended
}

func (p *pod) finish(verb string, cmd *exec.Cmd) harness.Ended {
	p.t.Helper()
	ended := p.FinishWithin(cmd, bounds[verb])
	p.t.Logf("%s: bound %v, took %v, peak %d KB, exit %d %s", verb, bounds[verb], ended.Took.Round(time.Millisecond), ended.Peak, ended.Exit, summary(ended.Got))
	if ended.TimedOut {
		p.t.Fatalf("%s did not end within %v", verb, bounds[verb])
	}
	return ended
}

// summary returns the message of an error object, in one line.
func summary(got harness.Got) string {
	if got.Exit == 0 {
		return ""
	}
	var e harness.Error
	if json.Unmarshal([]byte(got.Stdout), &e) != nil {
		return fmt.Sprintf("%.200q %.200q", got.Stdout, got.Stderr)
	}
	return fmt.Sprintf("error %d: %.300s; %.300s", e.Code, e.Msg, e.Details)
}

// collect runs GC with an empty list of valid attachments over the directories.
func (p *pod) collect(dirs ...string) harness.Ended {
	p.t.Helper()
	return p.run("GC", "", conf(p.t, m{"netnsDirs": dirs, "cni.dev/valid-attachments": []any{}}), "CNI_CONTAINERID=", "CNI_NETNS=")
}

// wantNoDevice fails if the namespace has a device of that name.
func wantNoDevice(t *testing.T, ns *netns.Netns, name string) {
	t.Helper()
	out, err := ns.Output("ip", "link", "show", "dev", name)
	if err == nil {
		t.Errorf("device %q was not deleted: %s", name, out)
	} else if !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("look for device %q: %v", name, err)
	}
}

// bindAmongInnocents binds the pod's namespace in dir, and two others with a stale tap net1 around it: GC searches one of them after the
// pod's, whatever order it has. The returned function fails unless GC has deleted both taps.
func (p *pod) bindAmongInnocents(dir string) func() {
	p.t.Helper()
	var all []*netns.Netns
	innocent := func(name string) {
		p.t.Helper()
		ns := harness.NewNetns(p.t)
		p.Bind(ns, dir, name)
		p.Run("ADD", "net1", conf(p.t), "CNI_NETNS="+ns.Path(), "CNI_CONTAINERID=innocent").WantOK()
		all = append(all, ns)
	}
	innocent("a")
	p.Bind(p.Pod, dir, "hostile")
	innocent("z")
	return func() {
		p.t.Helper()
		for _, ns := range all {
			wantNoDevice(p.t, ns, "net1")
		}
	}
}
