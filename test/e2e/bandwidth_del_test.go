package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

func TestDelBandwidth(t *testing.T) {
	for _, c := range []struct {
		name, script string // IFB is the egress device
		keys         m      // of DEL
	}{
		{"everything there", "true", both()},
		{"tap gone", "ip link del net1", both()},
		{"tap renamed", "ip link set net1 down; ip link set net1 name elsewhere", both()},
		{"tap replaced", "ip link del net1; ip tuntap add net1 mode tap; ip link set net1 alias tap/vms/container1/net1", both()},
		{"egress device gone", "ip link del IFB", both()},
		{"egress device down", "ip link set IFB down", both()},
		{"egress device without alias", "ip link set IFB alias ''", both()},
		{"both gone", "ip link del net1; ip link del IFB", both()},
		{"key gone", "true", m{}},
		{"key gone, tap gone", "ip link del net1", m{}},
		{"key of one direction", "true", limits(ingressRate, 0)},
		{"key broken", "true", m{"bandwidth": "10M"}},
		{"runtimeConfig broken", "true", m{"runtimeConfig": m{"bandwidth": m{"egressRate": -1}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			before := host.Snapshot()
			host.Run("ADD", "net1", conf(t, both())).WantOK()
			host.Exec("sh", "-ec", strings.ReplaceAll(c.script, "IFB", host.EgressDevice()))
			host.Run("DEL", "net1", conf(t, c.keys)).WantOK()
			host.WantSame(before)
		})
	}
}

// A full queue does not hold up DEL.
func TestDelBandwidthWhileTheGuestSends(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	config := conf(t, hostLocal(), limits(1_000_000, 1_000_000))
	vm := newVM(t, host, config)
	flow := harness.Flow{From: vm.NS, To: host.Pod, Address: pod4}
	ended := make(chan error)
	go func() {
		_, err := flow.Goodput(t.Context(), 0, 2*time.Second)
		ended <- err
	}()
	egress := host.EgressDevice()
	eventually(t, "frames wait", func() bool {
		return !strings.Contains(host.Exec("tc", "-s", "qdisc", "show", "dev", egress, "root"), "backlog 0b")
	})
	host.Run("DEL", "net1", config).WantOK()
	host.WantSame(before)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Two attachments have two egress devices; one that is no ifb is not ours.
func TestDelBandwidthLeavesOthers(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, both())
	host.Run("ADD", "net1", config).WantOK()
	one := host.EgressDevice()
	host.Run("ADD", "net2", config).WantOK()
	host.Run("ADD", "net3", conf(t, both(), m{"name": "vms2"})).WantOK()
	host.ContainerID = "container2"
	host.Run("ADD", "net4", config).WantOK()
	host.ContainerID = "container1"
	all := host.EgressDevices()
	if len(all) != 4 {
		t.Fatalf("egress devices %q, want four", all)
	}
	host.Run("DEL", "net1", config).WantOK()
	others := slices.DeleteFunc(all, func(name string) bool { return name == one })
	if got := host.EgressDevices(); !slices.Equal(got, others) {
		t.Errorf("egress devices\n got %q\nwant %q", got, others)
	}
	host.Exec("ip", "link", "add", one, "type", "bridge")
	before := host.Snapshot()
	host.Run("DEL", "net1", config).WantOK()
	host.WantSame(before)
}

// An ADD with limits that is killed at any of its calls leaves what the next DEL
// finds, and what does not keep the next ADD from making all of it anew.
func TestBandwidthKilledAtEachCall(t *testing.T) {
	for name, again := range map[string]bool{"then DEL": false, "then ADD": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var points []uint16
			for n := 1; ; n++ {
				point := limitedKilledAt(t, n, again)
				if point == nil {
					break
				}
				points = append(points, point.NetlinkType())
			}
			t.Logf("killed at %d calls: %v", len(points), points)
			for _, want := range []uint16{unix.RTM_NEWLINK, unix.RTM_SETLINK, unix.RTM_NEWQDISC, unix.RTM_NEWTFILTER} {
				if !slices.Contains(points, want) {
					t.Errorf("never killed at %d", want)
				}
			}
		})
	}
}

// limitedKilledAt runs an ADD that is killed at its nth netlink message, perhaps
// another one, then DEL, and looks at what is left; nil if the ADD has fewer.
func limitedKilledAt(t *testing.T, n int, again bool) *harness.Point {
	t.Helper()
	host := harness.NewHost(t)
	before := host.Snapshot()
	config := conf(t, both())
	point := host.KillAt(host.Command("ADD", "net1", config), n, unix.SYS_SENDTO)
	if point == nil {
		host.MustDevice("net1")
	} else if again {
		added := host.Run("ADD", "net1", config).WantOK()
		host.EgressDevice()
		host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
	}
	host.Run("DEL", "net1", config).WantOK()
	host.WantSame(before)
	return point
}

func TestAddBandwidthFailureLeavesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		keys m
		code int
	}{
		{"IPAM refuses", fake(m{"fail": m{"ADD": m{"code": 123, "msg": "no more"}}}), 123},
		{"IPAM dies", fake(m{"exit": m{"ADD": 3}}), codeIPAM},
		{"address refused", fake(m{"ips": []any{m{"address": "192.0.2.2/24"}, m{"address": "192.0.2.2/24"}}}), codeLayer3},
		{"route refused", fake(m{"routes": []any{m{"dst": "198.51.100.0/24", "gw": "224.0.0.1"}}}), codeLayer3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			before := host.Snapshot()
			host.Run("ADD", "net1", conf(t, c.keys, both())).WantError(c.code)
			host.WantSame(before)
		})
	}
	t.Run("result not taken", func(t *testing.T) {
		host := harness.NewHost(t)
		before := host.Snapshot()
		cmd := host.Command("ADD", "net1", conf(t, both()))
		cmd.Stdout = devFull(t)
		if got := host.Finish(cmd); got.Exit == 0 {
			t.Error("succeeded")
		}
		host.WantSame(before)
	})
}

func TestAddBandwidthSignalIsUndone(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	cmd := host.Command("ADD", "net1", conf(t, both(), fake(m{"hang": m{"ADD": true}})))
	var out strings.Builder
	cmd.Stdout = &out
	if err := host.Node.Start(cmd); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the guest's frames are redirected", func() bool {
		filters, err := host.Pod.Output("tc", "filter", "show", "dev", "net1", "ingress")
		return err == nil && strings.Contains(filters, "mirred")
	})
	eventually(t, "IPAM is asked", func() bool { return host.Verbs() == "ADD" })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("succeeded")
	}
	wantText(t, out.String(), fmt.Sprintf(`"code": %d`, codeInterrupted))
	host.WantSame(before)
}

// A device of the egress device's name that is none is left alone; an ifb of that
// name was left by an ADD of this attachment, and is replaced.
func TestAddBandwidthNameTaken(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, both())
	host.Run("ADD", "net1", config).WantOK()
	egress := host.EgressDevice()
	host.Run("DEL", "net1", config).WantOK()

	host.Exec("ip", "link", "add", egress, "type", "bridge")
	before := host.Snapshot()
	host.Run("ADD", "net1", config).WantError(codeBandwidth, `configure tap "net1": bandwidth, egress: `, egress, "name already in use")
	host.WantSame(before)

	host.Exec("sh", "-ec", "ip link del "+egress+"; ip link add "+egress+" up type ifb; tc qdisc add dev "+egress+" root tbf rate 1mbit burst 100000 limit 200000")
	added := host.Run("ADD", "net1", config).WantOK()
	host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
}

// What a killed ADD left goes by another hand, GC's for example, between the kernel's
// refusal of the name and the look for who has it.
func TestAddBandwidthLeftoverGoesMeanwhile(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, limits(0, egressRate))
	host.Run("ADD", "net1", config).WantOK()
	egress := host.EgressDevice()
	host.Exec("ip", "link", "del", "net1")
	refused := false
	added := host.Trace(host.Command("ADD", "net1", config), harness.Fault{
		N: 1, FromMain: true,
		Meanwhile: func() { host.Exec("ip", "link", "del", egress) },
		Only: func(p *harness.Point) bool {
			if p.Number != unix.SYS_SENDTO {
				return false
			}
			refused = refused || p.NetlinkType() == unix.RTM_NEWLINK
			return refused && p.NetlinkType() == unix.RTM_GETLINK
		},
	})
	if added.WantOK(); added.Struck == nil {
		t.Fatal("it did not look for who has the name")
	}
	host.Run("CHECK", "net1", host.WithPrev(config, added.Got)).WantOK()
}

// The name is the lock; where the live device was renamed, its egress device is still not ours.
func TestAddBandwidthOverRenamedAttachmentKeepsItsLimit(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, both())
	host.Run("ADD", "net1", config).WantOK()
	host.Exec("sh", "-ec", "ip link set net1 down; ip link set net1 name elsewhere")
	before := host.Snapshot()
	if got := host.Run("ADD", "net1", config); got.Exit == 0 {
		t.Error("succeeded")
	}
	host.WantSame(before)
	if filters := host.Exec("tc", "filter", "show", "dev", "elsewhere", "ingress"); !strings.Contains(filters, host.EgressDevice()) {
		t.Errorf("the guest's frames are no longer redirected:\n%s", filters)
	}
}
