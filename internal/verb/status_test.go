package verb

import (
	"errors"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"tap/internal/cni"
	"tap/internal/ipam"
	"tap/internal/netconf"
)

func reported(code uint) error {
	return &ipam.Error{Plugin: "fake", Verb: "STATUS", Reported: &types.Error{Code: code, Msg: "no"}}
}

func TestNotReady(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want uint // 0: ready
	}{
		{"ready", nil, 0},
		{"configuration", &netconf.KeyError{Key: "mtu", Value: "5", Allowed: "68 or more"}, types.ErrPluginNotAvailable},
		{"no device node", cni.Kind{Code: cni.CodeDevice, Advice: "load the driver"}.New("open"), types.ErrPluginNotAvailable},
		{"IPAM plugin not installed", ipam.ErrNotFound, types.ErrPluginNotAvailable},
		{"IPAM plugin without a free address", reported(11), types.ErrPluginNotAvailable},
		{"IPAM plugin not available", reported(types.ErrPluginNotAvailable), types.ErrPluginNotAvailable},
		{"IPAM plugin with limited connectivity", reported(types.ErrLimitedConnectivity), types.ErrLimitedConnectivity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := statusError(tt.err)
			if tt.want == 0 {
				if err != nil {
					t.Errorf("statusError\nwant no error\ngot  %v", err)
				}
				return
			}
			wantCode(t, err, tt.want, tt.err.Error())
			if got, want := cni.Render(err).Details, cni.Render(tt.err).Details; got != want {
				t.Errorf("advice\nwant %s\ngot  %s", want, got)
			}
		})
	}
}

func TestUnknownVerb(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"ready", nil, false},
		{"version too old", reported(types.ErrIncompatibleCNIVersion), true},
		{"verb unknown", reported(types.ErrInvalidEnvironmentVariables), true},
		{"not available", reported(types.ErrPluginNotAvailable), false},
		{"died", &ipam.Error{Plugin: "fake", Verb: "STATUS", Err: errors.New("exit status 1")}, false},
		{"not the IPAM plugin's", errors.New("no"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := isUnknownVerb(tt.err); got != tt.want {
				t.Errorf("isUnknownVerb(%v)\nwant %v\ngot  %v", tt.err, tt.want, got)
			}
		})
	}
}
