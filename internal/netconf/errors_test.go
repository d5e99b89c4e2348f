package netconf

import (
	"errors"
	"fmt"
	"testing"
)

// The code and the advice for each kind of error in what the runtime passes.
func TestInputErrorCodes(t *testing.T) {
	cause := errors.New("because")
	_, undecodable := Parse(callOf(`hello`))
	_, key := Parse(callOf(vmsWith(`"allmulti": 5`)))
	_, result := Parse(callOf(vmsWith(`"prevResult": 5`)))
	for _, tt := range []struct {
		name   string
		err    error
		code   uint
		advice string
	}{
		{"stdin is not JSON", undecodable, 6, "the configuration must be a JSON object as docs/configuration.md describes it"},
		{"undecodable, with a cause", fmt.Errorf("%w: %w", ErrUndecodable, cause), 6, "the configuration must be a JSON object as docs/configuration.md describes it"},
		{"key", &KeyError{Key: "mtu", Value: "5", Allowed: "68 or more", Err: cause}, 7, "allowed: 68 or more"},
		{"key of the configuration", key, 7, "allowed: true or false"},
		{"prevResult that cannot be decoded", result, 7, "allowed: a CNI result of version 1.1.0"},
		{"variable", &VarError{Var: "CNI_IFNAME", Value: "a/b", Advice: "choose another", Err: cause}, 4, "choose another"},
		{"version that does not have the verb", (&Args{Command: "CHECK", ContainerID: "0123", IfName: "net1", StdinData: []byte(`{"cniVersion": "0.3.1", "name": "vms"}`)}).Validate(), 1,
			"the plugin supports 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0; CHECK needs 0.4.0 or later, STATUS and GC need 1.1.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// cni.Fault, which this package does not import
			var fault interface{ CNI() (uint, string) }
			if !errors.As(fmt.Errorf("attempt on something: %w", tt.err), &fault) {
				t.Fatalf("error\nwant one with a code\ngot  %v", tt.err)
			}
			code, advice := fault.CNI()
			if code != tt.code || advice != tt.advice {
				t.Errorf("code and advice\nwant %d, %s\ngot  %d, %s", tt.code, tt.advice, code, advice)
			}
		})
	}
}
