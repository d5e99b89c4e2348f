package cni

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

func TestRender(t *testing.T) {
	cause := errors.New("the kernel's words")
	kind, other := Kind{CodeDevice, "outer"}, Kind{CodeBridge, "inner"}
	for _, tt := range []struct {
		name         string
		err          error
		code         uint
		msg, details string
	}{
		{"of a kind", fmt.Errorf("attempt: %w", kind.Wrap(cause)), CodeDevice, "attempt: the kernel's words", "outer"},
		{"nearest to the cause wins", kind.Wrap(fmt.Errorf("attempt: %w", other.Wrap(cause))), CodeBridge, "attempt: the kernel's words", "inner"},
		{"overridden", kind.Override(other.Wrap(cause)), CodeDevice, "the kernel's words", "outer"},
		{"the first of two", errors.Join(other.Wrap(cause), kind.Wrap(errors.New("undo: no"))), CodeBridge, "the kernel's words; undo: no", "inner"},
		{"the first of two with a code", errors.Join(cause, kind.Wrap(errors.New("undo: no"))), CodeDevice, "the kernel's words; undo: no", "outer"},
		{"the first of two in one message", fmt.Errorf("%w: %w", other.New("busy"), kind.Wrap(cause)), CodeBridge, "busy: the kernel's words", "inner"},
		{"without a kind", cause, CodeUnknown, "the kernel's words", "see the message for the cause; the host may be short of memory or file descriptors"},
		{"one line", kind.Wrap(errors.Join(cause, errors.New("undo: no"))), CodeDevice, "the kernel's words; undo: no", "outer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Render(tt.err); got.Code != tt.code || got.Msg != tt.msg || got.Details != tt.details {
				t.Errorf("Render\nwant %d %s (%s)\ngot  %d %s (%s)", tt.code, tt.msg, tt.details, got.Code, got.Msg, got.Details)
			}
		})
	}
}

func TestRenderWithoutError(t *testing.T) {
	if got := Render(nil); got != nil {
		t.Errorf("Render(nil)\nwant nil\ngot  %v", got)
	}
	if got := Render(errors.Join(nil, nil)); got != nil {
		t.Errorf("Render(errors.Join(nil, nil))\nwant nil\ngot  %v", got)
	}
}

func TestKindAddsNoWords(t *testing.T) {
	cause := errors.New("the kernel's words")
	kind := Kind{CodeDevice, "advice"}
	for name, err := range map[string]error{"Of": kind.Wrap(cause), "Override": kind.Override(cause)} {
		err := fmt.Errorf("attempt: %w", err)
		if !errors.Is(err, cause) {
			t.Errorf("%s: chain\nwant the cause\ngot  %v", name, err)
		}
		if want := "attempt: the kernel's words"; err.Error() != want {
			t.Errorf("%s: text\nwant %s\ngot  %s", name, want, err)
		}
		var fault CodedError
		if !errors.As(err, &fault) {
			t.Fatalf("%s: chain\nwant a CodedError\ngot  %v", name, err)
		}
		if code, advice := fault.CNI(); code != CodeDevice || advice != "advice" {
			t.Errorf("%s: CNI\nwant %d, advice\ngot  %d, %s", name, CodeDevice, code, advice)
		}
	}
}

func TestKindOfNothingIsNothing(t *testing.T) {
	if err := (Kind{CodeDevice, "advice"}).Wrap(nil); err != nil {
		t.Errorf("Of(nil)\nwant nil\ngot  %v", err)
	}
}

func TestKindNewIsASentinel(t *testing.T) {
	kind := Kind{CodeDevice, "advice"}
	first, second := kind.New("busy"), kind.New("busy")
	if err := fmt.Errorf("attempt: %w", first); !errors.Is(err, first) || errors.Is(err, second) {
		t.Errorf("errors.Is\nwant the first error alone\ngot  %v, %v", errors.Is(err, first), errors.Is(err, second))
	}
}

// docs/errors.md promises these numbers.
func TestOwnCodesAreOwn(t *testing.T) {
	const firstOwnCode = 100 // CNI specification 1.1, section 5, "Error"
	codes := []uint{
		CodeNameTaken, CodeDevice, CodeIPAM, CodeLayer3, CodeCheck, CodeLabel, CodeBridge, CodeInterrupted, CodeUnknown, CodeBandwidth, CodeRedirect,
	}
	for i, code := range codes {
		if want := uint(firstOwnCode + i); code != want {
			t.Errorf("code\nwant %d\ngot  %d", want, code)
		}
	}
}

// The codes and the advice of the errors that this package makes. Those of the other packages
// are in their tests, above all in TestCNIErrorCodes of package feature.
func TestConversationErrorCodes(t *testing.T) {
	ctx, end := context.WithCancelCause(context.Background())
	end(errors.New("terminated"))
	closed, read := pipe(t, 0)
	read.Close()
	for _, tt := range []struct {
		name             string
		err              error
		code             uint
		advice, inTheMsg string
	}{
		{"result not taken", Write(closed, []byte("{}")), 5,
			"the runtime did not read the answer; ADD was undone unless the message says otherwise", "write the result"},
		{"result not taken in time", fmt.Errorf("%w: %w: %w", ErrPending, ErrInterrupted, context.Cause(ctx)), 107,
			"the runtime may try again; ADD was undone unless the message says otherwise", "write the result: interrupted by a signal: terminated"},
		{"signal", Interrupted(ctx), 107,
			"the runtime may try again; ADD was undone unless the message says otherwise", "interrupted by a signal: terminated"},
		{"standard input", runWithStdin(t, unreadable(t)), 5, "the runtime closed standard input too early", "read standard input"},
		{"missing variables", environmentError(t, "ADD"), 4, "the runtime sets these environment variables", "ADD needs CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME"},
		{"unknown verb", environmentError(t, "MAKE"), 4, "the runtime sets it to ADD, DEL, CHECK, STATUS, GC or VERSION", `CNI_COMMAND="MAKE": no such verb`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Render(tt.err)
			if got == nil {
				t.Fatal("error\nwant one\ngot  none")
			}
			if got.Code != tt.code || got.Details != tt.advice || !strings.Contains(got.Msg, tt.inTheMsg) {
				t.Errorf("Render\nwant %d …%s… (%s)\ngot  %d %s (%s)", tt.code, tt.inTheMsg, tt.advice, got.Code, got.Msg, got.Details)
			}
		})
	}
}

// unreadable returns a file that was opened for writing only.
func unreadable(t *testing.T) *os.File {
	t.Helper()
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func TestPrintError(t *testing.T) {
	out := outputOf(t, Stdout, func() {
		if err := printError("1.0.0", types.NewError(7, "m\"sg", "details")); err != nil {
			t.Errorf("printError\nwant no error\ngot  %v", err)
		}
	})
	want := `{
    "cniVersion": "1.0.0",
    "code": 7,
    "msg": "m\"sg",
    "details": "details"
}
`
	if out != want {
		t.Errorf("output\nwant %s\ngot  %s", want, out)
	}
}

func TestShorten(t *testing.T) {
	long := strings.Repeat("é", 10000)
	tests := []struct{ name, text, want string }{
		{"empty", "", ""},
		{"what a person reads", strings.Repeat("x", 4096), strings.Repeat("x", 4096)},
		{"more", "begin " + strings.Repeat("x", 10000) + " end", "begin " + strings.Repeat("x", 3072-6) + " … " + strings.Repeat("x", 1024-4) + " end"},
		{"between two bytes of a letter", "x" + long + "y", "x" + long[:3072-2] + " … " + long[:1024-2] + "y"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := shorten(tt.text); got != tt.want {
				t.Errorf("shorten\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}
