package hostile

import (
	"strconv"
	"testing"
)

// TestMemory compares the peak memory of verbs in a pod with masses of one kind of object and in an empty pod.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		attack, device string
		count, all     int // all: with HOSTILE=all
	}{
		{"filters", "eth0", 3_000, 30_000},
		{"filters", "net1", 3_000, 30_000},
		{"routes", "eth0", 100_000, 300_000},
		{"routes", "net1", 100_000, 300_000},
		{"links", "eth0", 15_000, 15_000},
		{"addresses", "net1", 10_000, 10_000},
	} {
		t.Run(c.attack+" of "+c.device, func(t *testing.T) {
			count := c.count
			if full() {
				count = c.all
			}
			empty := peaks(t, func(*pod) {})
			hostile := peaks(t, func(p *pod) { t.Logf("%v", p.prepare(c.attack, strconv.Itoa(count), c.device)) })
			for verb, peak := range hostile {
				t.Logf("%s: peak %d KB, in an empty pod %d KB, bound %d KB more", verb, peak, empty[verb], memoryGrowth)
				if peak > empty[verb]+memoryGrowth {
					t.Errorf("%s used %d KB, %d KB more than in an empty pod", verb, peak, peak-empty[verb])
				}
			}
		})
	}
}

// peaks runs the verbs in a pod after the attack and returns the peak memory of each in KB. The pod has a tap net1 and eth0.
func peaks(t *testing.T, attack func(p *pod)) map[string]int64 {
	t.Helper()
	p := newPod(t)
	p.wire()
	dir := t.TempDir()
	p.Bind(p.Pod, dir, "hostile")
	config := conf(t, limited, fake(m{"routes": []any{m{"dst": "198.51.100.0/24"}}}))
	added := p.Run("ADD", "net1", config).WantOK()
	attack(p)
	peaks := map[string]int64{
		"CHECK":        p.run("CHECK", "net1", p.WithPrev(config, added)).Peak,
		"STATUS":       p.run("STATUS", "", conf(t), "CNI_CONTAINERID=", "CNI_NETNS=").Peak,
		"ADD":          p.succeed("ADD", "net2", conf(t, limited)).Peak,
		"ADD redirect": p.run("ADD", "eth0", p.redirect()).Peak, // it may refuse an interface that has foreign filters
		"DEL redirect": p.run("DEL", "eth0", p.redirect()).Peak,
		"DEL":          p.succeed("DEL", "net2", conf(t, limited)).Peak,
		"GC":           p.collect(dir).Peak,
	}
	wantNoDevice(t, p.Pod, "net1")
	wantNoDevice(t, p.Pod, "net2")
	return peaks
}
