package hostile

import (
	"testing"
)

// TestForgedDevices has thousands of devices in the pod that look like those of stale attachments. GC may delete them, but it has other
// namespaces to search.
func TestForgedDevices(t *testing.T) {
	p := newPod(t)
	dir := t.TempDir()
	wantInnocentsCollected := p.bindAmongInnocents(dir)
	added := p.Run("ADD", "net1", conf(t, limited)).WantOK()
	t.Logf("%v", p.prepare("forged", "3000", p.EgressDevice()))
	p.run("CHECK", "net1", p.WithPrev(conf(t, limited), added)).WantOK()
	p.collect(dir)
	wantInnocentsCollected()
	p.run("DEL", "net1", conf(t, limited)).WantOK()
	wantNoDevice(t, p.Pod, "net1")
}
