package netconf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// ErrUndecodable is in the chain of every error about input that is not JSON of the right shape.
var ErrUndecodable error = undecodable("read the configuration")

type undecodable string

func (e undecodable) Error() string { return string(e) }

// CNI is the error's code and advice, for the runtime. So have the others.
func (e undecodable) CNI() (uint, string) {
	return types.ErrDecodingFailure, "the configuration must be a JSON object as docs/configuration.md describes it"
}

// KeyError says which key of the configuration cannot be acted on.
type KeyError struct {
	Key     string // as in the documentation, with its path: "runtimeConfig.mac"
	Value   string // as it was written
	Allowed string // what the operator may write instead
	Err     error  // why, where there is more to say
}

func (e *KeyError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("configuration: %s: %s: %v", e.Key, e.Value, e.Err)
	}
	return fmt.Sprintf("configuration: %s: %s is not possible", e.Key, e.Value)
}

func (e *KeyError) Unwrap() error { return e.Err }

// CNI is as that of ErrUndecodable.
func (e *KeyError) CNI() (uint, string) {
	return types.ErrInvalidNetworkConfig, "allowed is " + e.Allowed
}

// VarError says which environment variable of the runtime cannot be acted on.
type VarError struct {
	Var, Value string
	Advice     string // what the operator may do about it
	Err        error
}

func (e *VarError) Error() string { return fmt.Sprintf("%s=%q: %v", e.Var, e.Value, e.Err) }
func (e *VarError) Unwrap() error { return e.Err }

// CNI is as that of ErrUndecodable.
func (e *VarError) CNI() (uint, string) { return types.ErrInvalidEnvironmentVariables, e.Advice }

// truncate keeps an error readable, and pretty-printed JSON on one line, whatever it quotes.
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
