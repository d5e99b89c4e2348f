package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tap/test/harness"
)

// Everything that can go wrong leaves the host as it was.
func TestAddFailureLeavesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []m
		code int
		says []string
	}{
		{"multicast MAC", []m{{"mac": "01:00:00:00:00:01"}}, codeConfig, []string{"mac", "01:00:00:00:00:01", "unicast"}},
		{"MTU too small", []m{{"mtu": 67}}, codeConfig, []string{"mtu", "67", "68 to 65521"}},
		{"MTU too large", []m{{"mtu": 65522}}, codeConfig, []string{"mtu", "65522", "68 to 65521"}},
		{"MTU a string", []m{{"mtu": "1500"}}, codeConfig, []string{"mtu", `"1500"`, "integer"}},
		{"no transmit queue", []m{{"txQueueLen": 0}}, codeConfig, []string{"txQueueLen", "drops every frame"}},
		{"owner too large", []m{{"owner": 4294967295}}, codeConfig, []string{"owner", "4294967295", "4294967294"}},
		{"bridge that is not there", []m{{"bridge": "br9"}, hostLocal()}, codeBridge, []string{`bridge "br9"`, "no such bridge"}},
		{"bridge that is another device", []m{{"bridge": "lo"}}, codeBridge, []string{`bridge "lo"`, "not a bridge"}},
		{"bridge with a pattern", []m{{"bridge": "br%d"}}, codeConfig, []string{"bridge", "br%d"}},
		{"IPAM refuses", []m{fake(m{"fail": m{"ADD": m{"code": 123, "msg": "no more", "details": "buy some"}}})}, 123, []string{`IPAM plugin "fake"`, "ADD", "no more", "buy some"}},
		{"IPAM dies", []m{fake(m{"exit": m{"ADD": 3}})}, codeIPAM, []string{`IPAM plugin "fake"`, "exit status 3"}},
		{"IPAM is killed", []m{fake(m{"exit": m{"ADD": -9}})}, codeIPAM, []string{"killed"}},
		{"IPAM prints garbage", []m{fake(m{"raw": m{"ADD": "hello"}})}, codeIPAM, []string{`IPAM plugin "fake"`}},
		{"IPAM returns no address", []m{fake(m{"ips": []any{}})}, codeIPAM, []string{"no address"}},
		{"IPAM returns an error and exits 0", []m{fake(m{"raw": m{"ADD": `{"code": 55, "msg": "really not"}`}})}, 55, []string{"really not"}},
		{"IPAM returns a bad prefix", []m{fake(m{"ips": []any{m{"address": "2001:db8::1/200"}}})}, codeIPAM, []string{"no usable result"}},
		{"one address twice", []m{fake(m{"ips": []any{m{"address": "192.0.2.2/24"}, m{"address": "192.0.2.2/24"}}})}, codeLayer3, []string{"add address 192.0.2.2/24"}},
		{"route to a multicast gateway", []m{fake(m{"routes": []any{m{"dst": "198.51.100.0/24", "gw": "224.0.0.1"}}})}, codeLayer3, []string{"add route 198.51.100.0/24 via 224.0.0.1", "invalid gateway"}},
		{"route to the other family", []m{fake(m{"routes": []any{m{"dst": "198.51.100.0/24", "gw": "2001:db8::1"}}})}, codeLayer3, []string{"other address family"}},
		{"MTU too small for IPv6", []m{{"mtu": 1000}, hostLocal()}, codeConfig, []string{"mtu", "1000", "IPv6", "1280"}},
		{"IPAM that is not there", []m{{"ipam": m{"type": "nobody"}}}, codeIPAM, []string{`IPAM plugin "nobody"`, "CNI_PATH"}},
		{"IPAM with a path", []m{{"ipam": m{"type": "../bin/fake"}}}, codeConfig, []string{"ipam.type", "bare file name"}},
		{"IPAM is this plugin", []m{{"ipam": m{"type": "tap"}}}, codeConfig, []string{"ipam.type", "itself"}},
		{"prevResult broken", []m{{"prevResult": m{"cniVersion": "1.1.0", "ips": "all"}}}, codeConfig, []string{"prevResult"}},
		{"a whole list", []m{{"plugins": []any{m{"type": "tap", "owner": 1000}}}}, codeConfig, []string{"plugins", "one entry of that list"}},
		{"version without interfaces", []m{{"cniVersion": "0.2.0"}}, codeConfig, []string{"0.2.0", "0.3.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			before := host.Snapshot()
			host.Run("ADD", "net1", conf(t, c.keys...)).WantError(c.code, c.says...)
			host.WantSame(before)
		})
	}
}

func TestAddInterfaceNames(t *testing.T) {
	for _, name := range []string{"tap%d", "0123456789abcdef", "a/b", "a:b", "a b", "à", "all", "default", ".", ".."} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			before := host.Snapshot()
			host.Run("ADD", name, conf(t, fake())).WantError(codeEnvironment)
			host.WantSame(before)
			if calls := host.Verbs(); calls != "" {
				t.Errorf("IPAM was asked to %s", calls)
			}
		})
	}
	for _, name := range []string{"a.b", "-x", "0123456789abcde", "\x01", "é"} {
		t.Run("taken by the kernel: "+name, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t)
			if got := host.Run("ADD", name, conf(t, fake(m{"ips": []any{m{"address": "2001:db8::2/64"}}}))).Result().Interfaces[0].Name; got != name {
				t.Errorf("name %q, want %q", got, name)
			}
			host.Run("DEL", name, conf(t, fake())).WantOK()
		})
	}
}

func TestAddTakenNameChangesNothing(t *testing.T) {
	host := harness.NewHost(t)
	host.Exec("ip", "tuntap", "add", "net1", "mode", "tap")
	before := host.Snapshot()

	host.Run("ADD", "net1", conf(t, fake())).WantError(codeNameTaken, `create tap "net1"`, host.Pod.Path(), "is unchanged")
	host.WantSame(before)
	if calls := host.Verbs(); calls != "" {
		t.Errorf("IPAM was asked to %s", calls)
	}
}

func TestAddOverLiveAttachmentKeepsIt(t *testing.T) {
	for name, ipam := range map[string]m{"host-local": hostLocal(), "idempotent": fake()} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			config := conf(t, ipam)
			added := host.Run("ADD", "net1", config).WantOK()
			before := host.Snapshot()
			host.Run("ADD", "net1", config).WantError(codeNameTaken)
			host.WantSame(before)
			host.Run("CHECK", "net1", host.WithPrev(config, added)).WantOK()
		})
	}
}

func TestAddResultNotWrittenIsUndone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	for name, stdout := range map[string]*os.File{"full": devFull(t), "pipe without reader": w} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			before := host.Snapshot()
			cmd := host.Command("ADD", "net1", conf(t, fake()))
			cmd.Stdout = stdout
			if got := host.Finish(cmd); got.Exit == 0 {
				t.Error("succeeded")
			}
			if got := host.Verbs(); got != "ADD DEL" {
				t.Errorf("IPAM was asked to %s, want ADD DEL", got)
			}
			host.WantSame(before)
		})
	}
}

// A reader that has stopped to read: SIGTERM still undoes.
func TestAddResultNotTakenIsUndone(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	var names []any
	for range 200 { // more than the pipe holds
		names = append(names, m{"name": "eth0", "mac": "02:00:00:00:00:05", "sandbox": "/run/netns/another"})
	}
	cmd := host.Command("ADD", "net1", conf(t, m{"prevResult": m{"cniVersion": "1.1.0", "interfaces": names}}))
	cmd.Stdout = w
	if err := host.Node.Start(cmd); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the device is committed", func() bool {
		d, there := host.Device("net1")
		return there && d.Details.Data.Persist
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the device is gone", func() bool { _, there := host.Device("net1"); return !there })
	if err := cmd.Wait(); err == nil { // although still nobody reads
		t.Error("succeeded")
	}
	host.WantSame(before)
}

// An IPAM plugin that hangs in the undo as well: the plugin ends all the same, and says so.
func TestAddSignalEndsAlthoughTheUndoHangs(t *testing.T) {
	host := harness.NewHost(t)
	cmd := host.Command("ADD", "net1", conf(t, fake(m{"hang": m{"ADD": true, "DEL": true}})))
	var out strings.Builder
	cmd.Stdout = &out
	if err := host.Node.Start(cmd); err != nil {
		t.Fatal(err)
	}
	eventually(t, "IPAM is asked", func() bool { return host.Verbs() == "ADD" })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("succeeded")
	}
	wantText(t, out.String(), `"code": 107`, `undo: IPAM plugin \"fake\": DEL: interrupted`)
	if _, there := host.Device("net1"); there {
		t.Error("the device was left behind")
	}
}

// A signal at any moment: either everything was undone, or the result was handed over and the attachment is
// there. host-local does not heed signals; without IPAM the plugin dies of a signal before the commit.
func TestAddSignalAtAnyMoment(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		step   time.Duration // between the moments
	}{
		"IPAM":    {conf(t, hostLocal()), 400 * time.Microsecond},
		"no IPAM": {conf(t), 100 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			before := host.Snapshot()
			ended := map[int]int{}
			for i := range 120 {
				cmd := host.Command("ADD", "net1", c.config)
				var out strings.Builder
				cmd.Stdout = &out
				if err := host.Node.Start(cmd); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(i%40) * c.step)
				if err := cmd.Process.Signal([]os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}[i%3]); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
				err := cmd.Wait()
				ended[cmd.ProcessState.ExitCode()]++
				if err == nil {
					host.Run("DEL", "net1", c.config).WantOK()
				}
				if after := host.Snapshot(); after != before {
					t.Fatalf("round %d, %v, output %s: something is left\n%s", i, err, out.String(), after)
				}
			}
			t.Logf("ends by exit status, -1 for a death before the commit: %v", ended)
		})
	}
}

// SIGTERM and SIGINT while IPAM works: the plugin itself undoes.
func TestAddSignalIsUndone(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			host := harness.NewHost(t)
			before := host.Snapshot()
			cmd := host.Command("ADD", "net1", conf(t, fake(m{"hang": m{"ADD": true}})))
			var out strings.Builder
			cmd.Stdout = &out
			if err := host.Node.Start(cmd); err != nil {
				t.Fatal(err)
			}
			eventually(t, "IPAM is asked", func() bool { return host.Verbs() == "ADD" })
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("succeeded")
			}
			if !strings.Contains(out.String(), `"code": 107`) {
				t.Errorf("output %s", out.String())
			}
			host.WantSame(before)
			if got := host.Verbs(); got != "ADD DEL" {
				t.Errorf("IPAM was asked to %s, want ADD DEL", got)
			}
		})
	}
}

// An ADD that waits for nobody and needs no undo: a signal before the commit kills it, and the kernel removes the
// tap; from the commit on a signal is ignored, so that no tap is left without a result.
func TestAddSignalWithoutUndo(t *testing.T) {
	ended := map[string]int{}
	for name, call := range map[string]uint64{"ioctl": unix.SYS_IOCTL, "sendto": unix.SYS_SENDTO, "write": unix.SYS_WRITE, "close": unix.SYS_CLOSE} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				host := harness.NewHost(t)
				before := host.Snapshot()
				traced := host.Trace(host.Command("ADD", "net1", conf(t)), harness.Fault{Calls: []uint64{call}, N: n, Signal: syscall.SIGTERM, FromMain: true})
				if traced.Struck == nil {
					break
				}
				after := host.Snapshot()
				_, exists := host.Device("net1")
				switch {
				case traced.Exit == 0 && exists && traced.Stdout != "":
					ended["committed"]++
				case traced.Exit != 0 && after == before && traced.Stdout == "":
					ended["killed"]++
				default:
					t.Errorf("SIGTERM at %s %d\nwant a tap and its result, or neither\ngot  exit %d: %s%s, %s", name, n, traced.Exit, traced.Stdout, traced.Stderr, after)
				}
			}
		})
	}
	t.Logf("ends: %v", ended)
	if ended["committed"] == 0 || ended["killed"] == 0 {
		t.Errorf("ends\nwant both\ngot  %v", ended)
	}
}

// What was ignored before the plugin was started stays so: nohup, and shells for what they put into the background.
func TestAddIgnoredSignalStaysIgnored(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			host := harness.NewHost(t)
			gate := filepath.Join(host.Store, "go")
			cmd := host.Command("ADD", "net1", conf(t, fake(m{"ips": []any{m{"address": "192.0.2.2/24"}}, "wait": m{"ADD": gate}})))
			cmd.Args = []string{"sh", "-c", "trap '' " + name + `; exec "$0"`, cmd.Path}
			cmd.Path = "/bin/sh"
			host.Must(host.Node.Start(cmd))
			eventually(t, "IPAM is asked", func() bool { return host.Verbs() == "ADD" })
			host.Must(cmd.Process.Signal(signal))
			host.Must(os.WriteFile(gate, nil, 0o600))
			if err := cmd.Wait(); err != nil {
				t.Errorf("ADD\nwant success\ngot  %v", err)
			}
		})
	}
}

// Nobody reads anything, and both streams are the same full pipe: the signal still ends the plugin.
func TestAddSignalWhileNobodyReads(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	r, w, err := os.Pipe()
	host.Must(err)
	defer r.Close()
	defer w.Close()
	_, err = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096)
	host.Must(err)
	_, err = w.Write(make([]byte, 4096))
	host.Must(err)
	cmd := host.Command("ADD", "net1", conf(t, fake(m{"ips": []any{m{"address": "192.0.2.2/24"}}})))
	cmd.Stdout, cmd.Stderr = w, w
	host.Must(host.Node.Start(cmd))
	eventually(t, "the device is committed", func() bool {
		d, there := host.Device("net1")
		return there && d.Details.Data.Persist
	})
	host.Must(cmd.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("succeeded")
		}
	case <-time.After(time.Minute):
		t.Error("did not end")
		host.Must(cmd.Process.Kill())
	}
	host.WantSame(before)
}

// The IPAM plugin dies with the plugin, and the device with it.
func TestAddKilledWhileIPAMWorks(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	cmd := host.Command("ADD", "net1", conf(t, fake(m{"hang": m{"ADD": true}})))
	if err := host.Node.Start(cmd); err != nil {
		t.Fatal(err)
	}
	eventually(t, "IPAM is asked", func() bool { return host.Verbs() == "ADD" })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("succeeded")
	}
	ipam := host.Calls()[0].Pid
	eventually(t, "the IPAM plugin is dead", func() bool { return !harness.Alive(ipam) })
	host.WantSame(before)
}

// eventually waits for what another process does by itself.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// An undo that fails is part of the error.
func TestAddUndoThatFailsIsReported(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("ADD", "net1", conf(t, fake(m{
		"routes": []any{m{"dst": "198.51.100.0/24", "gw": "224.0.0.1"}},
		"fail":   m{"DEL": m{"code": 11, "msg": "the store is locked"}},
	}))).WantError(codeLayer3, "add route", "undo", "the store is locked")
	if _, there := host.Device("net1"); there {
		t.Error("the device was left behind")
	}
}

// The name is the lock; where the live device was renamed, the reservation is still not ours.
func TestAddOverRenamedAttachmentKeepsItsReservation(t *testing.T) {
	host := harness.NewHost(t)
	config := conf(t, hostLocal())
	host.Run("ADD", "net1", config).WantOK()
	host.Exec("sh", "-ec", "ip link set net1 down; ip link set net1 name elsewhere")
	before := host.Snapshot()
	if got := host.Run("ADD", "net1", config); got.Exit == 0 {
		t.Error("succeeded")
	}
	host.WantSame(before)
}

// Somebody renames the device while IPAM works: the result could not be true.
func TestAddRenamedMeanwhileIsUndone(t *testing.T) {
	host := harness.NewHost(t)
	before := host.Snapshot()
	renamed := filepath.Join(t.TempDir(), "renamed")
	cmd := host.Command("ADD", "net1", conf(t, fake(m{"wait": m{"ADD": renamed}})))
	done := make(chan harness.Got)
	go func() { done <- host.Finish(cmd) }()
	eventually(t, "the device is up", func() bool { d, there := host.Device("net1"); return there && d.Up() })
	host.Exec("sh", "-ec", "ip link set net1 down; ip link set net1 name elsewhere")
	host.Must(os.WriteFile(renamed, nil, 0o600))
	got := <-done
	got.WantError(codeDevice, `"net1"`)
	host.WantSame(before)
}
