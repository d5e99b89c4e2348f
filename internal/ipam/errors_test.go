package ipam

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
	"tap/internal/netconf"
)

// The code and the advice for each kind of failure of an IPAM plugin.
func TestIPAMErrorCodes(t *testing.T) {
	const (
		resultAdvice = "the output of the IPAM plugin does not follow the CNI specification"
		signalAdvice = "the runtime may try again; ADD was undone unless the message says otherwise"
		hangsAdvice  = "the IPAM plugin hangs: find out what it waits for (a lock, a server that does not answer); its messages are on standard error, in the runtime's log"
		wordsAdvice  = "look for messages of the IPAM plugin on standard error, in the runtime's log"
		findAdvice   = "install the IPAM plugin in one of the directories of CNI_PATH, which the message lists"
		selfAdvice   = "ipam.type must name an IPAM plugin such as host-local, static or dhcp"
	)
	cause := errors.New("the kernel's words")
	failed := func(err error) error { return &Error{Plugin: "fake", Verb: "ADD", Err: err} }
	reported := func(code uint, details string) error {
		return &Error{Plugin: "fake", Verb: "ADD", Reported: &types.Error{Code: code, Msg: "sorry", Details: details}}
	}
	_, undecodable := netconf.DecodeResult([]byte("hello"), "1.1.0")
	_, unknownVersion := netconf.DecodeResult([]byte(`{"cniVersion": "9.9.9"}`), "1.1.0")
	_, notFound := Find("fake", t.TempDir())
	t.Setenv("TAP_RUNS_AS_IPAM", "1")
	_, self := Find("fake", t.TempDir())
	for _, tt := range []struct {
		name   string
		err    error
		code   uint
		advice string
	}{
		{"not found", notFound, 102, findAdvice},
		{"the plugin itself", self, 7, selfAdvice},
		{"result without addresses", failed(fmt.Errorf("%w: it has no address", ErrBadResult)), 102, resultAdvice},
		{"result that cannot be decoded", failed(fmt.Errorf("%w: %w", ErrBadResult, undecodable)), 102, resultAdvice}, // and not 6, which is about the configuration
		{"result of an unknown version", failed(fmt.Errorf("%w: %w", ErrBadResult, unknownVersion)), 102, resultAdvice},
		{"signal", failed(fmt.Errorf("%w: %w", ErrInterrupted, cause)), 107, signalAdvice},
		{"time limit", failed(fmt.Errorf("%w 4m0s", ErrTimeout)), 102, hangsAdvice},
		{"exit without an error object", failed(cause), 102, wordsAdvice},
		{"reported, a code of the specification", reported(11, "ask again"), 11, "ask again"},
		{"reported, a code of its own", reported(123, "by 42"), 123, "by 42"},
		{"reported without details", reported(999, ""), 999, wordsAdvice},
		{"reported without code", reported(0, ""), 102, wordsAdvice},
		{"reported without code, with details", reported(0, "by 42"), 102, "by 42"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := cni.Render(fmt.Errorf("attempt on something: %w", tt.err))
			if got.Code != tt.code || got.Details != tt.advice {
				t.Errorf("code and advice\nwant %d, %s\ngot  %d, %s", tt.code, tt.advice, got.Code, got.Details)
			}
			if want := "attempt on something: " + tt.err.Error(); got.Msg != want {
				t.Errorf("msg\nwant %s\ngot  %s", want, got.Msg)
			}
		})
	}
}

func TestErrorKeepsWhatTheIPAMPluginReported(t *testing.T) {
	tests := []struct {
		name     string
		reported types.Error
	}{
		{"a code of the specification", types.Error{Code: 11, Msg: "no free address", Details: "ask again"}},
		{"its own code", types.Error{Code: 123, Msg: "lease file locked", Details: "by 42"}},
		{"several lines", types.Error{Code: 7, Msg: "range:\n10.0.0.0/8", Details: "d"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := cni.Render(errors.Join(&Error{Plugin: "fake", Verb: "ADD", Reported: &tt.reported}, errors.New("undo: no")))
			if got.Code != tt.reported.Code || got.Details != tt.reported.Details {
				t.Errorf("code and details\nwant %d, %q\ngot  %d, %q", tt.reported.Code, tt.reported.Details, got.Code, got.Details)
			}
			if want := `IPAM plugin "fake": ADD: ` + strings.ReplaceAll(tt.reported.Msg, "\n", "; ") + "; undo: no"; got.Msg != want {
				t.Errorf("msg\nwant %s\ngot  %s", want, got.Msg)
			}
		})
	}
}
