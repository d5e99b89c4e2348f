package cni

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	cause := errors.New("the kernel's words")
	kind, other := Kind{CodeDevice, "outer"}, Kind{CodeBridge, "inner"}
	for _, tt := range []struct {
		name string
		err  error
		code uint
		msg  string
	}{
		{"of a kind", fmt.Errorf("attempt: %w", kind.Wrap(cause)), CodeDevice, "attempt: the kernel's words"},
		{"nearest to the cause wins", kind.Wrap(fmt.Errorf("attempt: %w", other.Wrap(cause))), CodeBridge, "attempt: the kernel's words"},
		{"overridden", kind.Override(other.Wrap(cause)), CodeDevice, "the kernel's words"},
		{"the first of two", errors.Join(other.Wrap(cause), kind.Wrap(errors.New("undo: no"))), CodeBridge, "the kernel's words; undo: no"},
		{"foreseen by nobody", cause, CodeUnknown, "the kernel's words"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Render(tt.err); got.Code != tt.code || got.Msg != tt.msg || got.Details == "" {
				t.Errorf("Render\nwant %d %s\ngot  %d %s (%s)", tt.code, tt.msg, got.Code, got.Msg, got.Details)
			}
		})
	}
	if Render(nil) != nil || Render(errors.Join(nil, nil)) != nil || kind.Wrap(nil) != nil {
		t.Error("no error became one")
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
