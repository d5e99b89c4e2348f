//go:build amd64

package vm

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tap/test/harness"
	"tap/test/initramfs"
	"tap/test/netns"
)

// Whom the tap belongs to, and somebody else.
const user, group, stranger = 64001, 64002, 64009

const (
	link = `{"cniVersion": "1.1.0", "name": "vms", "type": "tap", "owner": 64001, "group": 64002, "multiQueue": true`
	conf = link + `, "ipam": {"type": "host-local", "dataDir": "$STORE",
		"ranges": [[{"subnet": "192.0.2.0/24"}], [{"subnet": "2001:db8::/64"}]]}}`
	guest4, guest6 = "192.0.2.77", "2001:db8::77"
)

// vmm is QEMU without any privilege, as that user, in the pod.
type vmm struct {
	user, group, queues int
	commandLine         string
}

func (v vmm) command(t *testing.T, host *harness.Host, image string) *exec.Cmd {
	t.Helper()
	args := []string{"exec", "-netns", host.Pod.Path(), "-user", strconv.Itoa(v.user), "-group", strconv.Itoa(v.group), "--"}
	args = append(args, qemuArgs(t, image, v.commandLine)...)
	queues, multi := "", ""
	if v.queues > 1 {
		queues, multi = fmt.Sprintf(",queues=%d", v.queues), fmt.Sprintf(",mq=on,vectors=%d", 2*v.queues+2)
	}
	return exec.Command(harness.Bin(t, "guest"), append(args, "-m", "256",
		"-netdev", "tap,id=n0,ifname=net1,script=no,downscript=no,vhost=off"+queues,
		"-device", "virtio-net-pci,netdev=n0,romfile=,mac=02:00:00:00:00:77"+multi)...)
}

// addressed is the VMM that the tap is for, whose guest has the addresses.
func addressed(gateways ...string) vmm {
	line := "t.ip4=" + guest4 + "/24 t.ip6=" + guest6 + "/64"
	for i, gateway := range gateways {
		line += fmt.Sprintf(" t.gw%d=%s", 4+2*i, gateway)
	}
	return vmm{user: user, group: group, queues: 2, commandLine: line}
}

func TestUnprivilegedVMM(t *testing.T) {
	harness.NeedRoot(t)
	image := file(t, initramfs.New(t, "../initramfs/guest-init", "virtio_pci", "virtio_net"))
	host := harness.NewHost(t)
	added := host.Run("ADD", "net1", conf)
	added.WantOK()
	tap4, tap6 := "192.0.2.2", "2001:db8::2"
	check := func(t *testing.T) { host.In(t).Run("CHECK", "net1", host.WithPrev(conf, added)).WantOK() }

	t.Run("CHECK before", check)
	t.Run("others are refused, and change nothing", func(t *testing.T) { refusals(t, host, image) })

	vm := start(t, addressed(tap4, tap6).command(t, host, image))
	told := vm.await(t, "GUEST READY")
	t.Run("QEMU has no privilege", func(t *testing.T) { wantUnprivileged(t, vm.cmd.Process.Pid) })
	t.Run("the guest has two queues", func(t *testing.T) {
		if !strings.Contains(strings.Join(told, "\n"), "GUEST queues rx-0 rx-1 tx-0 tx-1") {
			t.Error("queues of the guest's eth0\nwant rx-0 rx-1 tx-0 tx-1\ngot  others")
		}
	})
	t.Run("ping", func(t *testing.T) {
		wantPing(t, host.Pod, guest4)
		wantPing(t, host.Pod, guest6)
		wantGuestPing(t, vm, tap4)
		wantGuestPing(t, vm, tap6)
	})
	t.Run("50 MB each way", func(t *testing.T) { transfer(t, host) })
	t.Run("CHECK while the VM runs", check)

	t.Run("DEL, and the VM survives", func(t *testing.T) {
		host := host.In(t)
		host.Run("DEL", "net1", host.WithPrev(conf, added)).WantOK()
		if _, there := host.Device("net1"); there {
			t.Error("the tap is still there")
		}
		if got := vm.do(t, "echo survived"); got != "survived\n" || !vm.running() {
			t.Errorf("the guest\nwant survived\ngot  %q, running: %v", got, vm.running())
		}
	})

	added = host.Run("ADD", "net1", conf) // host-local goes on with the next address
	added.WantOK()
	second := start(t, addressed().command(t, host, image))
	second.await(t, "GUEST READY")
	t.Run("a second VM under the same name", func(t *testing.T) {
		wantPing(t, host.Pod, guest4)
		wantPing(t, host.Pod, guest6)
		check(t)
	})
	t.Run("CHECK after", func(t *testing.T) {
		_ = second.cmd.Process.Kill() // which the cleanup would do
		for second.running() {
			time.Sleep(10 * time.Millisecond)
		}
		check(t)
		host.In(t).Run("DEL", "net1", host.WithPrev(conf, added)).WantOK()
	})
}

// As the port of a bridge the guest is reached from another port.
func TestUnprivilegedVMMBehindABridge(t *testing.T) {
	harness.NeedRoot(t)
	image := file(t, initramfs.New(t, "../initramfs/guest-init", "virtio_pci", "virtio_net"))
	host := harness.NewHost(t)
	other := harness.NewNetns(t)
	host.Exec("sh", "-ec", "ip link add br0 up type bridge; ip link add port1 master br0 up type veth peer name peer1; ip link set peer1 netns "+other.Path())
	if out, err := other.Output("sh", "-ec", "ip link set peer1 up; ip addr add 192.0.2.5/24 dev peer1; ip addr add 2001:db8::5/64 dev peer1 nodad"); err != nil {
		t.Fatal(out, err)
	}
	bridged := link + `, "bridge": "br0"}`
	added := host.Run("ADD", "net1", bridged)
	added.WantOK()

	vm := start(t, addressed().command(t, host, image))
	vm.await(t, "GUEST READY")
	t.Run("ping", func(t *testing.T) {
		wantPing(t, other, guest4)
		wantPing(t, other, guest6)
		wantGuestPing(t, vm, "192.0.2.5")
		wantGuestPing(t, vm, "2001:db8::5")
	})
	t.Run("CHECK while the VM runs", func(t *testing.T) {
		host.In(t).Run("CHECK", "net1", host.WithPrev(bridged, added)).WantOK()
	})
}

// refusals: QEMU says the same of the wrong user and of a device that is not there, so
// the device is looked at as well.
func refusals(t *testing.T, host *harness.Host, image string) {
	before := host.Snapshot()
	for name, c := range map[string]struct {
		vmm  vmm
		says string
	}{
		"another user and group":   {vmm{user: stranger, group: stranger, queues: 2}, "Operation not permitted"},
		"the user, another group":  {vmm{user: user, group: stranger, queues: 2}, "Operation not permitted"},
		"another user, the group":  {vmm{user: stranger, group: group, queues: 2}, "Operation not permitted"},
		"the user, without queues": {vmm{user: user, group: group, queues: 1}, "Invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := c.vmm.command(t, host, image)
			limited := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
			out, err := limited.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "could not configure /dev/net/tun (net1): "+c.says) {
				t.Errorf("QEMU\nwant %s\ngot  %v: %s", c.says, err, out)
			}
			host.In(t).WantSame(before)
		})
	}
}

func wantUnprivileged(t *testing.T, pid int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Uid:\t64001\t64001\t64001\t64001\n", "Gid:\t64002\t64002\t64002\t64002\n", "Groups:\t \n", "NoNewPrivs:\t1\n",
		"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n",
	} {
		if !strings.Contains(string(status), want) {
			t.Errorf("/proc/%d/status\nwant %q\ngot  %s", pid, want, status)
		}
	}
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil || filepath.Base(program) != "qemu-system-x86_64" {
		t.Errorf("program\nwant qemu-system-x86_64\ngot  %s, %v", program, err)
	}
}

func wantPing(t *testing.T, from *netns.Netns, to string) {
	t.Helper()
	if out, err := from.Output("ping", "-c", "3", "-i", "0.3", "-W", "10", to); err != nil || !strings.Contains(out, " 0% packet loss") {
		t.Errorf("ping %s\nwant no loss\ngot  %v: %s", to, err, out)
	}
}

func wantGuestPing(t *testing.T, vm *machine, to string) {
	t.Helper()
	if out := vm.do(t, "ping -c 2 -W 10 "+to); !strings.Contains(out, " 0% packet loss") {
		t.Errorf("ping %s from the guest\nwant no loss\ngot  %s", to, out)
	}
}

// transfer sends a file to the guest, which answers with its digest, and takes it back.
// The frames are larger than the MTU: offloading is on.
func transfer(t *testing.T, host *harness.Host) {
	const size = 50_000_000
	data := make([]byte, size)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	before := framesSent(t, host)
	digest := exchange(t, host, 5001, data)
	sum := sha256.Sum256(data)
	if want := hex.EncodeToString(sum[:]) + "  -\n"; string(digest) != want {
		t.Errorf("digest of what the guest received\nwant %s\ngot  %s", want, digest)
	}
	if mean := size / (framesSent(t, host) - before); mean < 3000 {
		t.Errorf("mean size of the frames to the guest\nwant several segments each\ngot  %d bytes", mean)
	}
	if back := exchange(t, host, 5002, nil); !bytes.Equal(back, data) {
		t.Errorf("what the guest sent\nwant the %d bytes\ngot  %d, others", size, len(back))
	}
}

// framesSent is how many the pod has sent to the guest.
func framesSent(t *testing.T, host *harness.Host) int {
	t.Helper()
	var list []struct {
		Stats struct {
			TX struct{ Packets int }
		} `json:"stats64"`
	}
	host.Must(json.Unmarshal([]byte(host.Exec("ip", "-json", "-statistics", "link", "show", "dev", "net1")), &list))
	if len(list) != 1 {
		t.Fatalf("ip shows %d devices", len(list))
	}
	return list[0].Stats.TX.Packets
}

// exchange sends data to a port of the guest, and returns all that comes back.
func exchange(t *testing.T, host *harness.Host, port int, data []byte) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := host.Pod.Dial(ctx, &net.TCPAddr{IP: net.ParseIP(guest4), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	host.Must(conn.SetDeadline(time.Now().Add(patience)))
	if data != nil {
		_, err = conn.Write(data)
		host.Must(err)
		host.Must(conn.(*net.TCPConn).CloseWrite())
	}
	back, err := io.ReadAll(conn)
	host.Must(err)
	return back
}
