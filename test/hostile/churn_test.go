package hostile

import (
	"testing"
)

// TestDeviceChurn runs the verbs while the pod creates and deletes devices, so that the kernel interrupts dumps (NLM_F_DUMP_INTR).
func TestDeviceChurn(t *testing.T) {
	const rounds = 3
	p := newPod(t)
	dir := t.TempDir()
	wantInnocentsCollected := p.bindAmongInnocents(dir)
	p.prepare("links", "200", "lo") // a dump takes several datagrams
	churning := p.attack("churn")
	addressed := fake(m{"routes": []any{m{"dst": "198.51.100.0/24"}}})
	for range rounds {
		added := p.run("ADD", "net1", conf(t, limited, addressed)).WantOK()
		p.run("CHECK", "net1", p.WithPrev(conf(t, limited, addressed), added)).WantOK()
		p.run("DEL", "net1", conf(t, limited, addressed)).WantOK()
		wantNoDevice(t, p.Pod, "net1")
	}
	p.run("STATUS", "", conf(t), "CNI_CONTAINERID=", "CNI_NETNS=").WantOK()
	p.run("ADD", "net1", conf(t, limited)).WantOK()
	p.collect(dir).WantOK()
	did := churning.stop()
	t.Logf("churn: %v", did)
	if did["created"] == 0 {
		t.Error("the pod created no device")
	}
	wantNoDevice(t, p.Pod, "net1")
	wantInnocentsCollected()
}
