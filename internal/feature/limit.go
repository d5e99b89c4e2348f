package feature

import (
	"errors"
	"fmt"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
	"tap/internal/netdev"
)

// Limits of the time in which a verb reads and changes a namespace whose processes may create devices, filters
// and routes all the time. docs/threat-model.md lists all limits.
const (
	DelLimit   = 30 * time.Second
	CheckLimit = 30 * time.Second
	TrialLimit = 30 * time.Second // of STATUS
	GCLimit    = 10 * time.Second // for each namespace
)

var (
	busyKind = cni.Kind{Code: types.ErrTryAgainLater, Advice: "try again; if it fails again, find the process in the " +
		"namespace that creates devices, filters or routes all the time"}
	errTimeLimit = busyKind.New("stopped after the time limit for one namespace")
)

// listError adds code and advice to the error of a list of the kernel: those of kind, unless the list is
// incomplete.
func listError(kind cni.Kind, err error) error {
	if errors.Is(err, netdev.ErrIncomplete) {
		return busyKind.Wrap(err)
	}
	return kind.Wrap(err)
}

// TimeLimit returns a function for [netdev.Conn.StopWhen] that returns an error after limit.
func TimeLimit(limit time.Duration) func() error {
	end := time.Now().Add(limit)
	return func() error {
		if time.Now().After(end) {
			return fmt.Errorf("%w of %v", errTimeLimit, limit)
		}
		return nil
	}
}
