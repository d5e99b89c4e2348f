package cni

import (
	"errors"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// The plugin's own error codes (CNI specification 1.1, section 5, "Error":
// 100 and up). docs/errors.md lists them; a test keeps the two in step.
const (
	CodeNameTaken   uint = 100 // an interface already has the name
	CodeDevice      uint = 101 // the kernel refused to make or configure the tap
	CodeIPAM        uint = 102 // the IPAM plugin cannot be run, or answered with nothing usable
	CodeLayer3      uint = 103 // the kernel refused an address or a route
	CodeCheck       uint = 104 // CHECK found differences
	CodeLabel       uint = 105 // the SELinux label was refused
	CodeBridge      uint = 106 // there is no such bridge, or it does not filter VLANs
	CodeInterrupted uint = 107 // told to end by a signal
	CodeUnforeseen  uint = 108 // none of the others
	CodeBandwidth   uint = 109 // the kernel refused to limit the bandwidth
	CodeRedirect    uint = 110 // the interface cannot be redirected
)

// Fault is an error that knows its CNI code and what the operator can do about it.
// The packages below have error types that are faults without importing this package.
type Fault interface {
	error
	CNI() (code uint, advice string)
}

// Error is a Fault.
type Error struct {
	Code   uint
	Advice string
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// CNI returns the code and the advice.
func (e *Error) CNI() (uint, string) { return e.Code, e.Advice }

// Kind is a code with its advice: what a step is about.
type Kind struct {
	Code   uint
	Advice string
}

// Of makes err a fault of this kind, without a word in its message. An error that is a
// fault already stays that: the step nearest to the cause knows best. Nil stays nil.
func (k Kind) Of(err error) error {
	var known Fault
	if err == nil || errors.As(err, &known) {
		return err
	}
	return k.Override(err)
}

// Override makes err a fault of this kind, whatever it was.
func (k Kind) Override(err error) error { return &Error{Code: k.Code, Advice: k.Advice, Err: err} }

// New is an error of this kind that callers can compare with.
func (k Kind) New(text string) error { return k.Override(errors.New(text)) }

// unforeseen is the kind of errors that nobody made a fault.
var unforeseen = Kind{CodeUnforeseen, "the message has all that is known; the host may be short of memory or descriptors"}

// Render is the error that the runtime reads. Of joined errors the first fault decides.
func Render(err error) *types.Error {
	if err == nil {
		return nil
	}
	code, advice := unforeseen.Code, unforeseen.Advice
	var f Fault
	if errors.As(err, &f) {
		code, advice = f.CNI()
	}
	// errors.Join puts each of its errors on a line; a runtime's log has one.
	return types.NewError(code, strings.ReplaceAll(err.Error(), "\n", "; "), advice)
}
