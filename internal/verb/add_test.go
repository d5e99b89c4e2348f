package verb

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/netconf"
)

func TestCommitAfterSignalLeavesDeviceUncommitted(t *testing.T) {
	ctx, end := context.WithCancelCause(context.Background())
	end(errors.New("terminated"))
	a := &attempt{Attachment: &feature.Attachment{}, signals: &cni.Signals{Context: ctx}, stdout: cni.FDWriter(-1)} // without a file: committing it panics

	err := a.commit([]byte("{}"))

	if !errors.Is(err, cni.ErrInterrupted) || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("commit\nwant %v: terminated\ngot  %v", cni.ErrInterrupted, err)
	}
	if err := a.Undo.Run(context.Background()); err != nil { // a step would panic
		t.Errorf("undo\nwant nothing to undo\ngot  %v", err)
	}
}

func TestWithoutIPAMNoPluginIsSearched(t *testing.T) {
	delegate, err := findIPAM(&netconf.Config{}, "/nonexistent")
	if delegate != nil || err != nil {
		t.Errorf("findIPAM\nwant none, no error\ngot  %v, %v", delegate, err)
	}
	a := added()
	if lease := a.startIPAM(nil, nil); lease != nil {
		t.Errorf("startIPAM\nwant none\ngot  %v", lease)
	}
	if err := a.Undo.Run(context.Background()); err != nil {
		t.Errorf("undo\nwant nothing to undo\ngot  %v", err)
	}
}
