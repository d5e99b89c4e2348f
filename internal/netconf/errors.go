package netconf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// ErrUndecodable is wrapped by every error about input that is not JSON of the expected shape.
var ErrUndecodable error = decodeError("cannot be decoded")

type decodeError string

func (e decodeError) Error() string { return string(e) }

// CNI returns the error code and the advice for the runtime. Package cni finds it in the chain of an
// error; the other errors of this package have the same method.
func (e decodeError) CNI() (uint, string) {
	return types.ErrDecodingFailure, "the configuration must be a JSON object as docs/configuration.md describes it"
}

// KeyError reports a key of the configuration that is missing or has an invalid value.
type KeyError struct {
	Key     string // with its path, as in the documentation: "runtimeConfig.mac"
	Value   string // as written in the configuration; "none" if the key is absent
	Allowed string // which values are valid
	Err     error  // why Value is invalid; nil if Allowed explains it
}

func (e *KeyError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("configuration: %s: %s: %v", e.Key, e.Value, e.Err)
	}
	return fmt.Sprintf("configuration: invalid value %s for key %q", e.Value, e.Key)
}

func (e *KeyError) Unwrap() error { return e.Err }

// CNI returns the error code and the advice for the runtime.
func (e *KeyError) CNI() (uint, string) {
	return types.ErrInvalidNetworkConfig, "allowed: " + e.Allowed
}

// VarError reports an environment variable with an invalid value.
type VarError struct {
	Var, Value string
	Advice     string // what the operator can do about it
	Err        error
}

func (e *VarError) Error() string { return fmt.Sprintf("%s=%q: %v", e.Var, e.Value, e.Err) }
func (e *VarError) Unwrap() error { return e.Err }

// CNI returns the error code and the advice for the runtime.
func (e *VarError) CNI() (uint, string) { return types.ErrInvalidEnvironmentVariables, e.Advice }

// truncate shortens a value that an error quotes to 80 bytes, and puts formatted JSON on one line.
func truncate(value []byte) string {
	const most = 80
	text := string(value)
	var compact bytes.Buffer
	if strings.Contains(text, "\n") && json.Compact(&compact, value) == nil {
		text = compact.String()
	}
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
