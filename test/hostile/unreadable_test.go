package hostile

import (
	"strconv"
	"testing"
)

// TestUnreadableDevice has devices in the pod whose description is longer than a netlink attribute, or than 256 KB.
func TestUnreadableDevice(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(p *pod)
	}{
		{"macvlan with 25,000 sources", sources(25_000)},
		{"macvlan with 2,700 sources", sources(2_700)},
		{"macvlan with 5,500 sources", sources(5_500)}, // IFLA_MACVLAN_MACADDR_DATA wraps at 64 KB
		{"macvlan with 11,000 sources", sources(11_000)},
		{"alternative names of a bridge", func(p *pod) {
			p.sh("ip link add d0 type bridge")
			p.t.Logf("d0: %v", p.prepare("names", "d0"))
		}},
		{"alternative names of the tap", func(p *pod) { p.t.Logf("net1: %v", p.prepare("names", "net1")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, verb := range []string{"DEL", "GC"} {
				p := newPod(t)
				dir := t.TempDir()
				p.Bind(p.Pod, dir, "hostile")
				added := p.Run("ADD", "net1", conf(t)).WantOK()
				limitedTap := p.Run("ADD", "net2", conf(t, limited)).WantOK()
				c.prepare(p)
				wantTrue(t, p.run("CHECK", "net1", p.WithPrev(conf(t), added)).Exit == 0, "CHECK of net1 failed")
				wantTrue(t, p.run("CHECK", "net2", p.WithPrev(conf(t, limited), limitedTap)).Exit == 0, "CHECK of net2 failed")
				wantTrue(t, p.run("ADD", "net3", conf(t, limited)).Exit == 0, "ADD of net3 failed")
				if verb == "GC" {
					wantTrue(t, p.collect(dir).Exit == 0, "GC failed")
				} else {
					wantTrue(t, p.run("DEL", "net1", conf(t)).Exit == 0, "DEL of net1 failed")
					for _, name := range []string{"net2", "net3"} {
						wantTrue(t, p.run("DEL", name, conf(t, limited)).Exit == 0, "DEL of "+name+" failed")
					}
				}
				for _, name := range []string{"net1", "net2", "net3"} {
					wantNoDevice(t, p.Pod, name)
				}
				if left := p.EgressDevices(); len(left) > 0 {
					t.Errorf("egress devices were not deleted: %q", left)
				}
			}
		})
	}
}

func sources(count int) func(p *pod) {
	return func(p *pod) { p.t.Logf("m0: %v", p.prepare("sources", strconv.Itoa(count))) }
}

func wantTrue(t *testing.T, ok bool, failure string) {
	t.Helper()
	if !ok {
		t.Error(failure)
	}
}
