package cni

import (
	"errors"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// Error codes of this plugin. The CNI specification leaves codes from 100 on to plugins (version 1.1, section
// 5, "Error"). docs/errors.md lists them; a test compares the two.
const (
	CodeNameTaken   uint = 100 // an interface of the name exists
	CodeDevice      uint = 101 // the kernel rejected the creation or the configuration of the tap
	CodeIPAM        uint = 102 // the IPAM plugin cannot be run, or printed no usable result
	CodeLayer3      uint = 103 // the kernel rejected an address or a route
	CodeCheck       uint = 104 // CHECK found differences
	CodeLabel       uint = 105 // the SELinux label was rejected
	CodeBridge      uint = 106 // the bridge is missing, or does not filter VLANs
	CodeInterrupted uint = 107 // a signal ended the verb
	CodeUnknown     uint = 108 // any other error
	CodeBandwidth   uint = 109 // the kernel rejected a bandwidth limit
	CodeRedirect    uint = 110 // the interface cannot be redirected
)

// CodedError is an error that carries its CNI code and advice for the operator. Error types of other packages
// implement it without importing this package.
type CodedError interface {
	error
	CNI() (code uint, advice string)
}

// Error is a CodedError.
type Error struct {
	Code   uint
	Advice string
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// CNI returns the code and the advice.
func (e *Error) CNI() (uint, string) { return e.Code, e.Advice }

// Kind is a CNI error code and the advice for it.
type Kind struct {
	Code   uint
	Advice string
}

// With returns a kind with the same code and another advice.
func (k Kind) With(advice string) Kind { return Kind{k.Code, advice} }

// Wrap adds code and advice of k to err and does not change its message. It returns err itself if err already
// carries a code, because the step nearest to the cause knows best, or if err is nil.
func (k Kind) Wrap(err error) error {
	var coded CodedError
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return k.Override(err)
}

// Override is like Wrap, but replaces a code and advice that err already carries.
func (k Kind) Override(err error) error { return &Error{Code: k.Code, Advice: k.Advice, Err: err} }

// New returns a sentinel error of kind k.
func (k Kind) New(text string) error { return k.Override(errors.New(text)) }

// unknownKind is the kind of errors that carry no code.
var unknownKind = Kind{CodeUnknown, "see the message for the cause; the host may be short of memory or file descriptors"}

// Render returns the error object for the runtime; nil if err is nil. If err joins several errors, the first
// that carries a code decides.
func Render(err error) *types.Error {
	if err == nil {
		return nil
	}
	code, advice := unknownKind.Code, unknownKind.Advice
	var coded CodedError
	if errors.As(err, &coded) {
		code, advice = coded.CNI()
	}
	// errors.Join puts each error on a line of its own; a runtime logs one line.
	return types.NewError(code, strings.ReplaceAll(err.Error(), "\n", "; "), advice)
}
