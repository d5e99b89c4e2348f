//go:build amd64

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tap/test/harness"
)

const bridgeMAC = "02:00:00:00:00:b0"

// setting is a configuration under test.
type setting struct {
	name string
	keys string // of the configuration
	mac  string // that it asks for
	ipam bool   // it has an IPAM plugin
	over string // commands that make the interfaces of redirect mode, net0 and net1; empty: another mode
}

// veths are such interfaces.
const veths = "for i in 0 1; do ip link add net$i type veth peer name peer$i; ip link set net$i up; ip link set peer$i up; done; ip addr add 192.0.2.2/24 dev net1"

// tap is the name of the device that ADD makes for an interface.
func (with setting) tap(ifname string) string {
	if with.over == "" {
		return ifname
	}
	return "tap-" + ifname
}

// settings have no part in common, so that the calls of each part are seen by themselves.
var settings = []setting{
	{name: "layer 2"},
	{name: "IPAM", ipam: true, keys: `"ipam": {"type": "host-local", "dataDir": "$STORE",
		"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "2001:db8::/64"}]], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}`},
	{name: "link", mac: "02:00:00:00:00:01",
		keys: `"owner": 64001, "group": 64002, "multiQueue": true, "bridge": "br0", "mtu": 1400, "mac": "02:00:00:00:00:01"`},
	{name: "bandwidth", keys: `"bandwidth": {"ingressRate": 1000000, "ingressBurst": 1000000, "egressRate": 1000000, "egressBurst": 1000000}`},
	{name: "redirect", keys: `"redirect": true`, over: veths},
	{name: "redirect shared", // with hooks and filters of somebody else
		keys: `"redirect": true, "multiQueue": true, "bandwidth": {"ingressRate": 1000000, "ingressBurst": 1000000, "egressRate": 1000000, "egressBurst": 1000000}`,
		over: veths + "; tc qdisc add dev net1 clsact; for hook in ingress egress; do tc filter add dev net1 $hook pref 7 protocol ip u32 match u32 0 0 flowid 1:1; done"},
}

var verbs = []string{"ADD", "DEL", "CHECK", "GC"}

// scene is a host on which one verb meets fault after fault.
type scene struct {
	*harness.Host
	t       *testing.T
	verb    string
	setting setting
	conf    string // of ADD and DEL
	tested  string // of the verb under test
	before  state  // to which everything returns after each fault
	wanted  string // picture of the attachment
	whole   string // harness.Snapshot of before
	folder  string // in which GC seeks namespaces
}

func newScene(t *testing.T, verb string, with setting) *scene {
	t.Helper()
	s := &scene{t: t, verb: verb, setting: with}
	s.renew()
	return s
}

// renew begins with a new host.
func (s *scene) renew() {
	s.t.Helper()
	s.Host = harness.NewHost(s.t)
	s.Exec("sh", "-ec", "ip link set lo up; ip link add br0 address "+bridgeMAC+" type bridge; ip link set br0 up; "+s.setting.over)
	s.conf = s.chained("net1")
	s.Run("ADD", "net1", s.conf).WantOK()
	s.wanted = s.picture()
	s.Run("DEL", "net1", s.conf).WantOK()
	s.tested = s.conf
	switch s.verb {
	case "CHECK":
		s.forget()
		s.tested = s.WithPrev(s.conf, s.Run("ADD", "net1", s.conf).WantOK())
	case "GC":
		s.folder = s.t.TempDir()
		s.Bind(s.Pod, s.folder, "pod")
		s.Run("ADD", "net0", s.chained("net0"), "CNI_CONTAINERID=valid").WantOK()
		s.tested = s.config(fmt.Sprintf(`"netnsDirs": [%q]`, s.folder), `"cni.dev/valid-attachments": [{"containerID": "valid", "ifname": "net0"}]`)
	}
	s.before, s.whole = stateOf(s.Host), s.settled()
}

// settled is a Snapshot to which the kernel adds nothing by itself any more.
func (s *scene) settled() string {
	s.t.Helper()
	for last := ""; ; time.Sleep(20 * time.Millisecond) {
		now := s.Snapshot()
		if now == last {
			return now
		}
		last = now
	}
}

func (s *scene) config(keys ...string) string {
	keys = append([]string{`"cniVersion": "1.1.0", "name": "vms", "type": "tap"`}, keys...)
	if s.setting.keys != "" {
		keys = append(keys, s.setting.keys)
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

// chained is the configuration, in redirect mode with what the plugin before us returned.
func (s *scene) chained(ifname string) string {
	if s.setting.over == "" {
		return s.config()
	}
	return s.config(fmt.Sprintf(`"prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": %q, "sandbox": "$NETNS"}],
		"ips": [{"address": "192.0.2.2/24", "interface": 0}]}`, ifname))
}

// forget lets host-local give the same addresses again.
func (s *scene) forget() {
	files, err := filepath.Glob(filepath.Join(s.Store, "*", "last_reserved_ip.*"))
	s.Must(err)
	for _, file := range files {
		s.Must(os.Remove(file))
	}
}

// command is the verb under test, on a host made ready for it.
func (s *scene) command() *exec.Cmd {
	s.t.Helper()
	s.forget()
	if s.verb == "DEL" || s.verb == "GC" {
		s.Run("ADD", "net1", s.conf).WantOK()
	}
	if s.verb == "GC" {
		return s.Command("GC", "", s.tested, "CNI_CONTAINERID=", "CNI_NETNS=")
	}
	return s.Command(s.verb, "net1", s.tested)
}

// close compares all that the scenes of a shard have left.
func (s *scene) close() {
	s.t.Helper()
	if now := s.settled(); now != s.whole {
		s.t.Errorf("left after all:\nbefore:\n%s\nafter:\n%s", s.whole, now)
	}
}
