package verb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/ipam"
	"tap/internal/netconf"
	"tap/internal/netdev"
	"tap/internal/plan"
)

// The code and the advice of the errors that the verbs themselves make. Those of the other
// packages are in TestCNIErrorCodes of package feature and its likes.
func TestVerbErrorCodes(t *testing.T) {
	cause := errors.New("the kernel's words")
	for _, tt := range []struct {
		name   string
		err    error
		code   uint
		advice string
	}{
		{"directory of namespaces", dirKind.Wrap(cause), 5,
			"write the real path of the directory into netnsDirs (readlink -f DIR), or remove a directory that is not on a local file system"},
		{"differences", report("net1", []plan.Difference{{What: "up", Expected: "true", Found: "false"}}), 104,
			"delete the attachment and add it again, or find out what changed it"},
		{"differences, and an error of the IPAM plugin", errors.Join(report("net1", []plan.Difference{{What: "up"}}), &ipam.Error{Plugin: "fake", Verb: "CHECK", Err: cause}), 104,
			"delete the attachment and add it again, or find out what changed it"},
		{"CHECK without prevResult", Check(callIn(ownNetns, "")), 7, "allowed: the result of ADD, which the runtime passes"},
		{"STATUS keeps the advice", statusError(ipam.ErrNotFound), 50, "install the IPAM plugin in one of the directories of CNI_PATH, which the message lists"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := cni.Render(fmt.Errorf("attempt on something: %w", tt.err))
			if got.Code != tt.code || got.Details != tt.advice {
				t.Errorf("code and advice\nwant %d, %s\ngot  %d, %s", tt.code, tt.advice, got.Code, got.Details)
			}
			if want := "attempt on something: " + tt.err.Error(); got.Msg != strings.ReplaceAll(want, "\n", "; ") {
				t.Errorf("msg\nwant %s\ngot  %s", want, got.Msg)
			}
		})
	}
}

func TestReportNamesEveryDifference(t *testing.T) {
	err := report("net1", []plan.Difference{{What: "up", Expected: "true", Found: "false"}, {What: "owner", Expected: "0", Found: "none"}})
	if want := `tap "net1" does not match its configuration: up: expected true, found false; owner: expected 0, found none`; err == nil || err.Error() != want {
		t.Errorf("report\nwant %s\ngot  %v", want, err)
	}
}

// added returns an ADD with steps to undo.
func added(steps ...func(context.Context) error) *attempt {
	a := &attempt{Attachment: &feature.Attachment{Conf: &netconf.Config{}, Conn: &netdev.Conn{}}, signals: cni.NewSignals()}
	for _, step := range steps {
		a.Undo.Push(step)
	}
	return a
}

// The error of a failed ADD has the code of the failure, whatever the undo reports.
func TestUndoKeepsCodeAndAdvice(t *testing.T) {
	fails := func(context.Context) error {
		return cni.Kind{Code: cni.CodeDevice, Advice: "of the undo"}.New("delete device 7: busy")
	}
	failure := &netconf.KeyError{Key: "mtu", Value: "1279", Allowed: "1280 or more"}
	for _, tt := range []struct {
		name  string
		steps []func(context.Context) error
		msg   string
	}{
		{"undone", nil, failure.Error()},
		{"one step failed", []func(context.Context) error{fails}, failure.Error() + "; undo: delete device 7: busy"},
		{"two steps failed", []func(context.Context) error{fails, fails}, failure.Error() + "; undo: delete device 7: busy; undo: delete device 7: busy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := added(tt.steps...).undo(failure)
			got := cni.Render(err)
			if got.Code != 7 || got.Details != "allowed: 1280 or more" || got.Msg != tt.msg {
				t.Errorf("undo\nwant 7 %s (allowed: 1280 or more)\ngot  %d %s (%s)", tt.msg, got.Code, got.Msg, got.Details)
			}
			if !errors.Is(err, failure) {
				t.Errorf("chain\nwant the failure\ngot  %v", err)
			}
		})
	}
}

// A signal ends ADD, and not at once the undo, which may have to wait for the IPAM plugin.
func TestUndoOutlivesTheSignal(t *testing.T) {
	ctx, end := context.WithCancelCause(context.Background())
	end(errors.New("terminated"))
	a := added(func(ctx context.Context) error { return ctx.Err() })
	a.signals = &cni.Signals{Context: ctx}
	if err := a.undo(cni.Interrupted(ctx)); !errors.Is(err, cni.ErrInterrupted) || strings.Contains(err.Error(), "undo") {
		t.Errorf("undo\nwant the signal alone\ngot  %v", err)
	}
}
