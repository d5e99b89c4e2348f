package hostile

import (
	"fmt"
	"testing"
	"time"
)

// TestSignal sends SIGTERM to each verb while a pod process floods it. The verb ends, and a later DEL finds all that it has left.
func TestSignal(t *testing.T) {
	const late = 2 * time.Second // most verbs have ended, unless they wait for an answer that was lost
	addressed := fake(m{})
	for i, c := range []struct {
		name, verb string
		keys       m
		delay      time.Duration // 0: several delays
	}{
		{"ADD", "ADD", limited, 0},
		{"ADD asks IPAM", "ADD", addressed, 0},
		{"ADD waits for IPAM", "ADD", fake(m{"hang": m{"ADD": true}}), 300 * time.Millisecond},
		{"CHECK", "CHECK", addressed, 0},
		{"DEL", "DEL", limited, 0},
		{"DEL waits for IPAM", "DEL", fake(m{"hang": m{"DEL": true}}), 300 * time.Millisecond},
		{"GC", "GC", limited, 0},
		{"STATUS", "STATUS", addressed, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPod(t)
			p.ContainerID = fmt.Sprintf("signal%d", i) // for WantNoProcess
			dir := t.TempDir()
			p.Bind(p.Pod, dir, "hostile")
			delays := []time.Duration{c.delay}
			if c.delay == 0 {
				delays = []time.Duration{2 * time.Millisecond, 8 * time.Millisecond, 30 * time.Millisecond, late}
			}
			for _, delay := range delays {
				p.interrupt(c.verb, conf(t, c.keys), dir, delay)
			}
		})
	}
}

// interrupt sends SIGTERM to a verb after a delay, and expects that DEL restores the state before.
func (p *pod) interrupt(verb, config, dir string, delay time.Duration) {
	p.t.Helper()
	before := p.Snapshot()
	ifname, env := "net1", []string(nil)
	switch verb {
	case "CHECK":
		config = p.WithPrev(config, p.Run("ADD", "net1", config).WantOK())
	case "DEL", "GC":
		p.Run("ADD", "net1", config).WantOK()
	}
	if verb == "GC" {
		config = conf(p.t, m{"netnsDirs": []string{dir}, "cni.dev/valid-attachments": []any{}})
	}
	if verb == "GC" || verb == "STATUS" {
		ifname, env = "", []string{"CNI_CONTAINERID=", "CNI_NETNS="}
	}
	flood := p.attack("flood")
	ended := p.Terminate(p.Command(verb, ifname, config, env...), delay, signalBound)
	did := flood.stop()
	p.t.Logf("SIGTERM after %v: bound %v, took %v, exit %d %s; flood: %v", delay, delay+signalBound, ended.Took.Round(time.Millisecond),
		ended.Exit, summary(ended.Got), did)
	if ended.TimedOut {
		p.t.Errorf("%s did not end within %v after SIGTERM", verb, signalBound)
	}
	p.WantNoProcess()
	p.run("DEL", "net1", conf(p.t, limited, fake(m{}))).WantOK()
	p.WantSame(before)
}
