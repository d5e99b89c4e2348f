package feature

import (
	"context"
	"errors"
	"net"
	"os"
	"reflect"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
	"tap/internal/tuntap"
)

func TestUndoRunsLastStepFirst(t *testing.T) {
	var u Undo
	var ran []string
	step := func(name string, err error) {
		u.Push(func(context.Context) error {
			ran = append(ran, name)
			return err
		})
	}
	step("tap", nil)
	step("lease", errors.New("lease: no"))
	step("down", nil)
	step("hooks", errors.New("hooks: no"))

	err := u.Run(context.Background())

	if want := []string{"hooks", "down", "lease", "tap"}; !slices.Equal(ran, want) {
		t.Errorf("steps\nwant %q\ngot  %q", want, ran)
	}
	if want := "undo: hooks: no\nundo: lease: no"; err == nil || err.Error() != want {
		t.Errorf("error\nwant %q\ngot  %v", want, err)
	}
	if err := u.Run(context.Background()); err != nil || len(ran) != 4 {
		t.Errorf("second Run\nwant no step, no error\ngot  %q, %v", ran[4:], err)
	}
}

func TestUndoPassesItsContext(t *testing.T) {
	var u Undo
	ctx, end := context.WithCancel(context.Background())
	end()
	u.Push(func(ctx context.Context) error { return ctx.Err() })
	if err := u.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error of a step that was cancelled\nwant %v\ngot  %v", context.Canceled, err)
	}
}

func TestUndoOfNothing(t *testing.T) {
	var u Undo
	if err := u.Run(context.Background()); err != nil {
		t.Errorf("Run\nwant no error\ngot  %v", err)
	}
}

func TestOutlives(t *testing.T) {
	limit := netconf.Limit{Rate: 8, Burst: 640_000}
	for _, tt := range []struct {
		name  string
		asked netconf.Tap
		want  bool
	}{
		{"plain tap", netconf.Tap{}, false},
		{"every key without effect beyond the tap", netconf.Tap{MTU: 1400, Bridge: "br0", Isolated: true, Label: "l", Owner: ptr(uint32(1))}, false},
		{"multiQueue", netconf.Tap{MultiQueue: true}, true},
		{"limit of ingress", netconf.Tap{Bandwidth: netconf.Bandwidth{Ingress: limit}}, false},
		{"limit of egress", netconf.Tap{Bandwidth: netconf.Bandwidth{Egress: limit}}, true},
		{"redirect", netconf.Tap{Redirect: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := NeedsUndo(tt.asked); got != tt.want {
				t.Errorf("NeedsUndo\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}

func TestAllFeaturesPlan(t *testing.T) {
	for i, f := range All() {
		if f.Plan == nil {
			t.Errorf("feature %d\nwant the step Plan\ngot  nil", i)
		}
	}
}

func TestRunStopsAtTheFirstError(t *testing.T) {
	var ran []string
	step := func(name string, err error) Feature {
		return Feature{Find: func(*Attachment) error { ran = append(ran, name); return err }}
	}
	refused := errors.New("refused")
	a := newAttachment(&netconf.Config{}, nil, []Feature{step("first", nil), {}, step("second", refused), step("third", nil)})
	err := a.run(findStep)
	if !errors.Is(err, refused) || !slices.Equal(ran, []string{"first", "second"}) {
		t.Errorf("each\nwant first and second, %v\ngot  %q, %v", refused, ran, err)
	}
}

func TestNoticeRunsOnlyNotices(t *testing.T) {
	noticed := 0
	refuse := func(*Attachment) error { return errors.New("is not a notice") }
	a := newAttachment(&netconf.Config{}, nil, []Feature{
		{Find: refuse, LockAndValidate: refuse, AddStub: refuse}, {Notice: func(*Attachment) error { noticed++; return nil }},
	})
	if err := a.Notice(); err != nil || noticed != 1 {
		t.Errorf("Notice\nwant one notice, no error\ngot  %d, %v", noticed, err)
	}
}

func TestPlanOfEveryKey(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	conf := &netconf.Config{
		Network: "vms", ContainerID: "0123abcd", IfName: "net1", IPAM: "host-local",
		Tap: netconf.Tap{
			Name: "net1", MultiQueue: true, MTU: 1400, MAC: mac, TxQueueLen: 500, Owner: ptr(uint32(5)), Group: ptr(uint32(6)),
			Label: "l", Bridge: "br0", Isolated: true, Promisc: true, AllMulti: true,
		},
	}
	p := &port{bridge: &netdev.Link{Index: 3, Bridge: &netdev.Bridge{}}}
	a := newAttachment(conf, nil, []Feature{newBase(), {Plan: p.plan}, newRedirect(), newBandwidth()})
	if err := a.run(planStep); err != nil {
		t.Fatal(err)
	}
	want := &plan.Desired{Master: p.bridge, Devices: map[plan.Role]*plan.Device{plan.Tap: {
		Settings: netdev.Settings{
			Alias: "tap/vms/0123abcd/net1", MTU: 1400, MAC: mac, TxQueueLen: 500, Master: 3, Port: netdev.Port{Isolated: true},
			Promisc: true, AllMulti: true,
		},
		Name: "net1", MasterName: "br0", By: plan.Need{Key: "tap", Kind: deviceKind},
		MultiQueue: true, Owner: conf.Tap.Owner, Group: conf.Tap.Group, Label: "l",
	}}}
	if !reflect.DeepEqual(a.Want, want) {
		t.Errorf("plan\nwant %+v\ngot  %+v", want.Devices[plan.Tap], a.Want.Devices[plan.Tap])
	}
}

func TestDeleteTapWithoutDeviceSendsNoRequest(t *testing.T) {
	null, err := os.Open(os.DevNull) // no device is attached to it
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	a := newAttachment(&netconf.Config{Tap: netconf.Tap{Name: "net1"}}, nil, nil) // without a connection: a request panics
	a.file = tuntap.NewFile(int(null.Fd()))
	if err := a.deleteTap(); err != nil {
		t.Errorf("deleteTap\nwant no error\ngot  %v", err)
	}
}

func TestLivesOn(t *testing.T) {
	conf := &netconf.Config{Network: "vms", ContainerID: "0123abcd", IfName: "net1", Tap: netconf.Tap{Name: "net1"}}
	tap := func(index int, name, alias string) *netdev.Link {
		return &netdev.Link{Index: index, Name: name, Alias: alias, Kind: "tun", Tun: &netdev.Tun{Tap: true}}
	}
	veth := tap(8, "net9", conf.Alias())
	veth.Kind, veth.Tun = "veth", nil
	own := tap(7, "net1", conf.Alias())
	for _, tt := range []struct {
		name  string
		found *netdev.Link
		links []*netdev.Link
		want  bool
	}{
		{"no device", own, nil, false},
		{"own tap alone", own, []*netdev.Link{own}, false},
		{"renamed tap with the alias", own, []*netdev.Link{own, tap(8, "net9", conf.Alias())}, true},
		{"renamed tap with the alias, own not found", nil, []*netdev.Link{tap(8, "net9", conf.Alias())}, true},
		{"tap of another attachment", own, []*netdev.Link{own, tap(8, "net9", "tap/vms/4567/net1")}, false},
		{"tap of the attachment with another tapName", own, []*netdev.Link{own, tap(8, "vm0", conf.Alias()+"/vm0")}, false},
		{"device of another kind with the alias", own, []*netdev.Link{own, veth}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAttachment(conf, nil, nil)
			if tt.found != nil {
				a.Found[plan.Tap] = tt.found
			}
			if got := slices.ContainsFunc(tt.links, a.isOther); got != tt.want {
				t.Errorf("isOther\nwant %v\ngot  %v", tt.want, got)
			}
		})
	}
}

func TestCloseReleasesLastFirst(t *testing.T) {
	var closed []string
	a := newAttachment(&netconf.Config{}, nil, nil)
	for _, name := range []string{"lock", "programs"} {
		a.onClose = append(a.onClose, func() { closed = append(closed, name) })
	}
	a.Close()
	if want := []string{"programs", "lock"}; !slices.Equal(closed, want) {
		t.Errorf("Close\nwant %q\ngot  %q", want, closed)
	}
}

func TestIgnoreMissing(t *testing.T) {
	other := errors.New("busy")
	for _, tt := range []struct{ err, want error }{
		{nil, nil},
		{netdev.ErrNotFound, nil},
		{unix.EBADFD, nil},
		{other, other},
	} {
		if got := ignoreMissing(tt.err); got != tt.want { //nolint:errorlint // the very same value
			t.Errorf("ignoreMissing(%v)\nwant %v\ngot  %v", tt.err, tt.want, got)
		}
	}
}

func TestPersistOfAnotherDeviceIsADeviceError(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	a := newAttachment(&netconf.Config{Tap: netconf.Tap{Name: "net1"}}, nil, nil)
	a.file = tuntap.NewFile(int(null.Fd()))
	if got := cni.Render(a.Persist()); got == nil || got.Code != cni.CodeDevice {
		t.Errorf("Persist\nwant code %d\ngot  %v", cni.CodeDevice, got)
	}
}

func TestApplyAfterCommitWithoutInterfaceDoesNothing(t *testing.T) {
	a := newAttachment(&netconf.Config{}, nil, nil) // without a connection: a request panics
	if err := a.ApplyAfterCommit(); err != nil || len(a.Undo.steps) != 0 {
		t.Errorf("Connect\nwant no step to undo, no error\ngot  %d, %v", len(a.Undo.steps), err)
	}
}

func TestPortWithoutBridgeSendsNoRequest(t *testing.T) {
	p := &port{}
	a := newAttachment(&netconf.Config{}, nil, nil) // without a connection: a request panics
	for name, step := range map[string]func(*Attachment) error{"find": p.find, "refuse": p.validate, "notice": p.notice, "try": addStubBridge} {
		if err := step(a); err != nil || p.bridge != nil {
			t.Errorf("%s\nwant no bridge, no error\ngot  %v, %v", name, p.bridge, err)
		}
	}
}

func TestRedirectNotRequestedSendsNoRequest(t *testing.T) {
	r := &redirect{}
	a := newAttachment(&netconf.Config{IfName: "eth0"}, nil, nil) // without a connection: a request panics
	for name, step := range map[string]func(*Attachment) error{"find": r.find, "refuse": r.lockAndValidate, "try": addStubInterface} {
		if err := step(a); err != nil || r.iface != nil {
			t.Errorf("%s\nwant no interface, no error\ngot  %v, %v", name, r.iface, err)
		}
	}
}
