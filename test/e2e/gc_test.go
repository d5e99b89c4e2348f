package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// gcHost is a host whose pod is bound in a folder of its own, and a network whose
// name nobody else has: GC also looks into /run/netns, which all tests share.
type gcHost struct {
	*harness.Host
	t       *testing.T
	dir     string
	network string
}

var gcNetworks atomic.Int32

func newGCHost(t *testing.T) *gcHost {
	t.Helper()
	h := &gcHost{
		Host: harness.NewHost(t), t: t, dir: t.TempDir(),
		network: fmt.Sprintf("gc%d.%d", os.Getpid(), gcNetworks.Add(1)),
	}
	h.Bind(h.Pod, h.dir, "pod")
	return h
}

func (h *gcHost) conf(keys ...m) string {
	h.t.Helper()
	return conf(h.t, append([]m{{"name": h.network, "netnsDirs": []string{h.dir}}}, keys...)...)
}

// known is the list of a runtime, of pairs of container ID and interface name.
func known(pairs ...string) m {
	list := []m{}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, m{"containerID": pairs[i], "ifname": pairs[i+1]})
	}
	return m{"cni.dev/valid-attachments": list}
}

func (h *gcHost) gc(keys ...m) harness.Got {
	h.t.Helper()
	return h.Run("GC", "", h.conf(keys...), "CNI_CONTAINERID=", "CNI_NETNS=")
}

// names lists the devices of the pod without lo.
func (h *gcHost) names() string {
	h.t.Helper()
	var names []string
	for line := range strings.Lines(h.Exec("ip", "-br", "link")) {
		if name, _, _ := strings.Cut(strings.Fields(line)[0], "@"); name != "lo" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func (h *gcHost) wantNames(want string) {
	h.t.Helper()
	if got := h.names(); got != want {
		h.t.Errorf("devices of the pod\nwant %s\ngot  %s", want, got)
	}
}

func (h *gcHost) sh(script string) {
	h.t.Helper()
	h.Exec("sh", "-ec", script)
}

var limited = m{"bandwidth": m{"ingressRate": 1e6, "ingressBurst": 1e6, "egressRate": 1e6, "egressBurst": 1e6}}

func TestGCRemovesWhatTheRuntimeDoesNotKnow(t *testing.T) {
	host := newGCHost(t)
	host.Run("ADD", "net1", host.conf()).WantOK()
	host.Run("ADD", "net2", host.conf(limited)).WantOK()
	host.Run("ADD", "net3", host.conf(), "CNI_CONTAINERID=container2").WantOK()
	host.gc(known("container1", "net1")).WantOK()
	host.wantNames("net1")
	host.gc(known()).WantOK()
	host.wantNames("")
	host.gc(m{"cni.dev/valid-attachments": nil}).WantOK() // as libcni says "none"
}

func TestGCKeepsWhatTheRuntimeKnows(t *testing.T) {
	host := newGCHost(t)
	long := strings.Repeat("c", 200) // its alias has a hash
	prev := m{"prevResult": m{"cniVersion": "1.1.0"}}
	host.Run("ADD", "net1", host.conf(limited)).WantOK()
	host.Run("ADD", "net2", host.conf(), "CNI_CONTAINERID="+long).WantOK()
	host.Run("ADD", "eth0", host.conf(prev, m{"tapName": "net3"})).WantOK()
	before := host.Snapshot()
	all := known("container1", "net1", long, "net2", "container1", "eth0", "elsewhere", "net9")
	host.gc(all).WantOK()
	host.WantSame(before)
	host.gc(known("container1", "net1", "container1", "net3")).WantOK() // net3 is no attachment's interface
	if got := host.names(); !strings.HasPrefix(got, "net1 ifb") || strings.Contains(got, " net") {
		t.Errorf("devices of the pod\nwant net1 and its egress device\ngot  %s", got)
	}
}

// A configuration names one network; another's name may begin alike.
func TestGCLeavesOtherNetworksAndForeignDevices(t *testing.T) {
	host := newGCHost(t)
	for i, network := range []string{host.network + ".b", host.network + "b", host.network[:len(host.network)-1]} {
		host.Run("ADD", fmt.Sprintf("other%d", i), host.conf(m{"name": network}, limited)).WantOK()
	}
	ours := "tap/" + host.network + "/gone/net1"
	host.sh("ip link add veth1 type veth peer name veth2; ip link set veth1 alias " + ours)
	host.sh("ip link add ifb7 type ifb; ip link set ifb7 alias ifb/" + host.network + "/gone/net1")
	host.sh("ip tuntap add tap1 mode tap; ip tuntap add tap2 mode tap; ip link set tap2 alias mine")
	host.sh("ip tuntap add tun1 mode tun; ip link set tun1 alias " + ours)
	host.sh("ip tuntap add tap3 mode tap; ip link set tap3 alias " + ours + "/a/b")
	before := host.Snapshot()
	host.gc(known()).WantOK()
	host.WantSame(before)
}

// A tap that is not persistent is an ADD that has not committed.
func TestGCLeavesAnAddInFlight(t *testing.T) {
	host := newGCHost(t)
	add := host.Command("ADD", "net1", host.conf(limited, fake(m{"hang": m{"ADD": true}})))
	host.Must(host.Node.Start(add))
	t.Cleanup(func() { _ = add.Process.Kill(); _ = add.Wait() })
	eventually(t, "the egress device", func() bool { return strings.Contains(host.Exec("tc", "qdisc"), "dev net1 parent ffff:fff1") })
	before := host.Exec("ip", "link")
	host.gc(known()).WantOK()
	if after := host.Exec("ip", "link"); after != before {
		t.Errorf("an ADD in flight lost something\nbefore:\n%s\nafter:\n%s", before, after)
	}
	host.Must(add.Process.Kill()) // the tap goes, the egress device stays
	eventually(t, "the end of the tap", func() bool { return !strings.Contains(host.names(), "net1") })
	host.gc(known()).WantOK()
	host.wantNames("")
}

// An egress device without its tap is of use to nobody; without alias it goes by its name.
func TestGCRemovesOrphanedEgressDevices(t *testing.T) {
	for _, script := range []string{"ip link del net1", `ip link del net1; ip link set $(ip -br link | sed -n 's/^\(ifb[^ ]*\) .*/\1/p') alias ""`} {
		host := newGCHost(t)
		host.Run("ADD", "net1", host.conf(limited)).WantOK()
		host.sh(script)
		host.gc(known()).WantOK()
		host.wantNames("")
	}
}

// The folders may be anybody's.
func TestGCPassesOverWhatIsNoNamespace(t *testing.T) {
	harness.NeedRoot(t) // a user namespace cannot make device nodes
	host := newGCHost(t)
	hidden := harness.NewNetns(t) // reached by links and below folders only
	stale := func(path string) {
		host.Run("ADD", "net1", host.conf(), "CNI_NETNS="+path).WantOK()
	}
	stale(hidden.Path())
	stale(host.Pod.Path())
	below := filepath.Join(host.dir, "folder")
	host.Must(os.Mkdir(below, 0o700))
	host.Bind(hidden, below, "bound")
	host.Must(os.Symlink(hidden.Path(), filepath.Join(host.dir, "link")))
	host.Must(os.Symlink("/nowhere", filepath.Join(host.dir, "dangling")))
	host.Must(os.WriteFile(filepath.Join(host.dir, "file"), nil, 0o600)) // a mount that a reboot took away
	host.Must(unix.Mkfifo(filepath.Join(host.dir, "fifo"), 0o600))
	host.Must(unix.Mknod(filepath.Join(host.dir, "device"), unix.S_IFCHR|0o600, int(unix.Mkdev(10, 130)))) // a watchdog's: opening it starts it
	host.BindFile("/proc/self/ns/uts", host.dir, "uts")
	host.Bind(host.Pod, host.dir, "again")
	host.gc(known()).WantOK()
	host.wantNames("")
	if _, err := hidden.Output("ip", "link", "show", "net1"); err != nil {
		t.Errorf("GC followed a link or went below a folder: %v", err)
	}
}

func TestGCLeavesThePluginsOwnNamespace(t *testing.T) {
	host := newGCHost(t)
	host.Bind(host.Node, host.dir, "own")
	if _, err := host.Node.Output("sh", "-ec", "ip tuntap add net1 mode tap; ip link set net1 alias tap/"+host.network+"/gone/net1"); err != nil {
		t.Fatal(err)
	}
	host.gc(known()).WantOK()
	if _, err := host.Node.Output("ip", "link", "show", "net1"); err != nil {
		t.Errorf("GC reached into the plugin's own namespace: %v", err)
	}
}

func TestGCLooksWhereRuntimesBindNamespaces(t *testing.T) {
	host := newGCHost(t)
	host.Must(os.MkdirAll("/run/netns", 0o755))
	host.Bind(host.Pod, "/run/netns", host.network)
	host.Run("ADD", "net1", host.conf()).WantOK()
	host.gc(known(), m{"netnsDirs": nil}).WantOK()
	host.wantNames("")
}

// The address is free only when no stale tap holds it: IPAM comes last.
func TestGCForwardsToIPAMAfterwards(t *testing.T) {
	host := newGCHost(t)
	plugins, seen := t.TempDir(), filepath.Join(t.TempDir(), "seen")
	script := fmt.Sprintf("#!/bin/sh\nexec >%s\necho $CNI_COMMAND\nnsenter --net=%s/pod ip -br link\ncat\n", seen, host.dir)
	host.Must(os.WriteFile(filepath.Join(plugins, "witness"), []byte(script), 0o700))
	host.Run("ADD", "net1", host.conf()).WantOK()
	host.Run("GC", "", host.conf(known("container1", "net9"), m{"ipam": m{"type": "witness"}}), "CNI_PATH="+plugins).WantOK()
	got := harness.ReadFile(t, seen)
	for _, want := range []string{"GC\n", `"ifname":"net9"`, `"name":"` + host.network + `"`} {
		wantText(t, got, want)
	}
	if strings.Contains(got, "net1") {
		t.Errorf("the stale tap was still there when IPAM was asked:\n%s", got)
	}
}

// No failure keeps GC from the rest, and each is reported.
func TestGCReportsEveryFailureAndGoesOn(t *testing.T) {
	host := newGCHost(t)
	file, link := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "link")
	host.Must(os.WriteFile(file, nil, 0o600))
	host.Must(os.Symlink(host.dir, link))
	host.Run("ADD", "net1", host.conf()).WantOK()
	fails := fake(m{"fail": m{"GC": m{"code": 123, "msg": "no garbage today"}}})
	dirs := m{"netnsDirs": []string{file, link, "/nowhere", host.dir}}
	host.gc(known(), dirs, fails).WantError(5, file, link, "no garbage today", "netnsDirs")
	host.wantNames("")
	host.gc(known(), fails).WantError(123, "no garbage today")
	host.gc(known(), m{"ipam": m{"type": "nobody"}}).WantError(codeIPAM, "nobody")
}

// An IPAM plugin of before CNI 1.1 collects nothing, which is no failure.
func TestGCWithIPAMThatHasNone(t *testing.T) {
	host := newGCHost(t)
	for _, code := range []int{1, codeEnvironment} {
		got := host.gc(known(), fake(m{"fail": m{"GC": m{"code": code, "msg": "unknown CNI_COMMAND: GC"}}})).WantOK()
		wantText(t, got.Stderr, "GC left all IPAM reservations")
	}
	host.gc(known(), hostLocal()).WantOK()
}

func TestGCBadInputTouchesNothing(t *testing.T) {
	host := newGCHost(t)
	host.Run("ADD", "net1", host.conf()).WantOK()
	before := host.Snapshot()
	host.gc().WantError(codeConfig, "cni.dev/valid-attachments")
	host.gc(m{"cni.dev/valid-attachments": "all"}).WantError(codeConfig, "cni.dev/valid-attachments")
	host.gc(known("container1", "")).WantError(codeConfig, "cni.dev/valid-attachments")
	for _, dir := range []string{"run/netns", "/run/../tmp", "/run/", ""} {
		host.gc(known(), m{"netnsDirs": []string{host.dir, dir}}).WantError(codeConfig, "netnsDirs")
	}
	host.gc(known(), m{"ipam": "none"}).WantError(codeConfig, "ipam")
	host.gc(known(), m{"cniVersion": "1.0.0"}).WantError(1)
	host.WantSame(before)
	host.gc(known(), m{"mtu": "what ADD would refuse"}).WantOK()
	host.wantNames("")
}

// libcni deletes what its cache knows and the runtime does not, then asks for GC.
func TestGCByLibcni(t *testing.T) {
	host := newGCHost(t)
	r := newRuntime(t, host.Host)
	list, err := libcni.ConfListFromBytes([]byte(host.Expand(conf(t, m{
		"name":    host.network,
		"plugins": []any{m{"type": "tap", "netnsDirs": []string{host.dir}, "ipam": hostLocal()["ipam"]}},
	}))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.AddNetworkList(context.Background(), list, r.attachment()); err != nil {
		t.Fatal(err)
	}
	host.Run("ADD", "net2", host.conf(), "CNI_CONTAINERID=lost").WantOK() // the cache does not know it
	before := host.Reservations()
	keep := &libcni.GCArgs{ValidAttachments: []types.GCAttachment{{ContainerID: host.ContainerID, IfName: "net1"}}}
	if err := r.GCNetworkList(context.Background(), list, keep); err != nil {
		t.Fatal(err)
	}
	host.wantNames("net1")
	if held := host.Reservations(); strings.Join(held, " ") != strings.Join(before, " ") {
		t.Errorf("reservations\nwant %s\ngot  %s", before, held)
	}
	if err := r.GCNetworkList(context.Background(), list, &libcni.GCArgs{}); err != nil {
		t.Fatal(err)
	}
	host.wantNames("")
	if held := host.Reservations(); len(held) != 0 {
		t.Errorf("reservations %s", held)
	}
}
