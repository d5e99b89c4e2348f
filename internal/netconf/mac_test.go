package netconf

import (
	"errors"
	"strings"
	"testing"
)

func TestParseMACPrecedence(t *testing.T) {
	const (
		capability = `"runtimeConfig": {"mac": "02:00:00:00:00:01"}`
		argument   = `"args": {"cni": {"mac": "02:00:00:00:00:02"}}`
		variable   = `MAC=02:00:00:00:00:03`
		key        = `"mac": "02:00:00:00:00:04"`
	)
	tests := []struct {
		name    string
		members []string
		cniArgs string
		want    string
	}{
		{"none", nil, "", ""},
		{"all four", []string{capability, argument, key}, variable, "02:00:00:00:00:01"},
		{"without capability", []string{argument, key}, variable, "02:00:00:00:00:02"},
		{"without args.cni", []string{key}, variable, "02:00:00:00:00:03"},
		{"key alone", []string{key}, "", "02:00:00:00:00:04"},
		{"capability alone", []string{capability}, "", "02:00:00:00:00:01"},
		{"args.cni alone", []string{argument}, "", "02:00:00:00:00:02"},
		{"CNI_ARGS alone", nil, variable, "02:00:00:00:00:03"},
		{"empty sources are skipped", []string{`"runtimeConfig": {"mac": ""}`, `"args": {"cni": {"mac": ""}}`, key}, "MAC=",
			"02:00:00:00:00:04"},
		{"null sources are skipped", []string{`"runtimeConfig": {"mac": null}`, `"args": {"cni": null}`, key}, "",
			"02:00:00:00:00:04"},
		{"an address that does not apply is not validated", []string{capability, `"mac": "random"`}, "MAC=random",
			"02:00:00:00:00:01"},
		{"other capabilities", []string{`"runtimeConfig": {"portMappings": [], "ips": []}`, key}, "", "02:00:00:00:00:04"},
		{"other args", []string{`"args": {"example.org": {"mac": 5}, "cni": {"ips": []}}`, key}, "", "02:00:00:00:00:04"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(strings.Join(tt.members, ", ")))
			call.Args = tt.cniArgs
			if got := mustParse(t, call).Tap.MAC.String(); got != tt.want {
				t.Errorf("MAC\nwant %s\ngot  %s", tt.want, got)
			}
		})
	}
}

// args.cni and CNI_ARGS are about the interface CNI_IFNAME. If a previous plugin of the chain made that
// interface, applying them to the tap would give two interfaces the same address.
func TestParseMACTapIsNotInterface(t *testing.T) {
	const (
		capability = `"runtimeConfig": {"mac": "02:00:00:00:00:01"}`
		argument   = `"args": {"cni": {"mac": "02:00:00:00:00:02"}}`
		variable   = `MAC=02:00:00:00:00:03`
		key        = `"mac": "02:00:00:00:00:04"`
		other      = `"tapName": "tap0"`
		same       = `"tapName": "net1"`
	)
	tests := []struct {
		name    string
		members []string
		cniArgs string
		want    string
	}{
		{"none", []string{other}, "", ""},
		{"all four", []string{other, capability, argument, key}, variable, "02:00:00:00:00:01"},
		{"without capability", []string{other, argument, key}, variable, "02:00:00:00:00:04"},
		{"capability alone", []string{other, capability}, "", "02:00:00:00:00:01"},
		{"key alone", []string{other, key}, "", "02:00:00:00:00:04"},
		{"args.cni alone", []string{other, argument}, "", ""},
		{"CNI_ARGS alone", []string{other}, variable, ""},
		{"args.cni and CNI_ARGS", []string{other, argument}, variable, ""},
		{"an address that does not apply is not validated", []string{other, `"args": {"cni": {"mac": "random"}}`, key},
			"MAC=random", "02:00:00:00:00:04"},
		{"tap is the interface, args.cni", []string{same, argument, key}, variable, "02:00:00:00:00:02"},
		{"tap is the interface, CNI_ARGS", []string{same, key}, variable, "02:00:00:00:00:03"},
		{"chain without tapName, CNI_ARGS", []string{key}, variable, "02:00:00:00:00:03"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(strings.Join(append(tt.members, prevNet1), ", ")))
			call.Args = tt.cniArgs
			if got := mustParse(t, call).Tap.MAC.String(); got != tt.want {
				t.Errorf("MAC\nwant %q\ngot  %q", tt.want, got)
			}
		})
	}
}

// Sources that do not apply must still be decodable.
func TestParseMACUnusedSourceInvalidRefused(t *testing.T) {
	tests := []struct{ name, members, cniArgs string }{
		{"args.cni with a wrong type", `, "args": {"cni": []}`, ""},
		{"args.cni.mac with a wrong type", `, "args": {"cni": {"mac": 5}}`, ""},
		{"unknown CNI_ARGS", ``, "K8S_POD_NAME=vm-0"},
		{"key", `, "mac": "random"`, ""},
		{"runtimeConfig.mac", `, "runtimeConfig": {"mac": "random"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(`"tapName": "tap0", ` + prevNet1 + tt.members))
			call.Args = tt.cniArgs
			if conf, err := Parse(call); err == nil {
				t.Errorf("Parse\nwant an error\ngot  %v", conf.Tap.MAC)
			}
		})
	}
}

func TestParseMACForms(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"colons", "02:00:00:12:34:56", "02:00:00:12:34:56"},
		{"upper case", "0A:BC:DE:F0:12:34", "0a:bc:de:f0:12:34"},
		{"dashes", "02-00-00-12-34-56", "02:00:00:12:34:56"},
		{"dots", "0200.0012.3456", "02:00:00:12:34:56"},
		{"universally administered", "00:16:3e:00:00:01", "00:16:3e:00:00:01"},
		{"largest unicast", "fe:ff:ff:ff:ff:ff", "fe:ff:ff:ff:ff:ff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustParse(t, callOf(vmsWith(`"mac": "`+tt.value+`"`))).Tap.MAC.String(); got != tt.want {
				t.Errorf("MAC\nwant %s\ngot  %s", tt.want, got)
			}
		})
	}
}

func TestParseMACRefused(t *testing.T) {
	tests := []struct{ name, value, why string }{
		{"word", "random", "not a MAC"},
		{"five bytes", "02:00:00:12:34", "not a MAC"},
		{"eight bytes", "02:00:00:00:00:00:00:01", "8 bytes"},
		{"twenty bytes", "02" + strings.Repeat(":00", 19), "20 bytes"},
		{"padded", " 02:00:00:12:34:56", "not a MAC"},
		{"multicast", "01:00:5e:00:00:01", "multicast"},
		{"broadcast", "ff:ff:ff:ff:ff:ff", "multicast"},
		{"zero", "00:00:00:00:00:00", "the zero address"},
	}
	sources := []struct{ name, members, cniArgs, key string }{
		{"capability", `"runtimeConfig": {"mac": "VALUE"}`, "", "runtimeConfig.mac"},
		{"args.cni", `"args": {"cni": {"mac": "VALUE"}}`, "", "args.cni.mac"},
		{"CNI_ARGS", ``, "MAC=VALUE", "CNI_ARGS"},
		{"key", `"mac": "VALUE"`, "", "mac"},
	}
	for _, tt := range tests {
		for _, source := range sources {
			t.Run(tt.name+"/"+source.name, func(t *testing.T) {
				call := callOf(vmsWith(strings.ReplaceAll(source.members, "VALUE", tt.value)))
				call.Args = strings.ReplaceAll(source.cniArgs, "VALUE", tt.value)

				_, err := Parse(call)
				if err == nil {
					t.Fatalf("Parse\nwant an error about %s\ngot  none", source.key)
				}
				var variable *VarError
				if want := source.name == "CNI_ARGS"; errors.As(err, &variable) != want {
					t.Errorf("type of the error\nwant a VarError: %v\ngot  %T", want, err)
				}
				for _, want := range []string{source.key, tt.value, tt.why} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("text\nwant it to name %q\ngot  %v", want, err)
					}
				}
			})
		}
	}
}

func TestParseCNIArgs(t *testing.T) {
	tests := []struct{ name, value, mac string }{
		{"empty", "", ""},
		{"IgnoreUnknown alone", "IgnoreUnknown=1", ""},
		{"Kubernetes",
			"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=vm-0;K8S_POD_INFRA_CONTAINER_ID=0123;K8S_POD_UID=4-5", ""},
		{"Kubernetes and MAC", "K8S_POD_NAME=vm-0;MAC=02:00:00:00:00:03;IgnoreUnknown=true", "02:00:00:00:00:03"},
		{"IgnoreUnknown=0 and a known key", "IgnoreUnknown=0;MAC=02:00:00:00:00:03", "02:00:00:00:00:03"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(""))
			call.Args = tt.value
			if got := mustParse(t, call).Tap.MAC.String(); got != tt.mac {
				t.Errorf("MAC\nwant %q\ngot  %q", tt.mac, got)
			}
		})
	}
}

func TestParseCNIArgsRefused(t *testing.T) {
	tests := []struct{ name, value, names string }{
		{"unknown without IgnoreUnknown", "K8S_POD_NAME=vm-0", "K8S_POD_NAME"},
		{"unknown with IgnoreUnknown=false", "IgnoreUnknown=false;K8S_POD_NAME=vm-0", "K8S_POD_NAME"},
		{"not a pair", "IgnoreUnknown=1;MAC", "MAC"},
		{"two equals signs", "MAC=a=b", "a=b"},
		{"IgnoreUnknown neither true nor false", "IgnoreUnknown=maybe", "maybe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(""))
			call.Args = tt.value
			_, err := Parse(call)
			var variable *VarError
			if !errors.As(err, &variable) || variable.Var != "CNI_ARGS" || variable.Value != tt.value {
				t.Fatalf("error\nwant a VarError of CNI_ARGS=%q\ngot  %v", tt.value, err)
			}
			if !strings.Contains(err.Error(), tt.names) {
				t.Errorf("text\nwant it to name %s\ngot  %v", tt.names, err)
			}
		})
	}
}

// Sources that another one overrides must still be decodable.
func TestParseMACOverriddenSourceInvalidRefused(t *testing.T) {
	const capability = `"runtimeConfig": {"mac": "02:00:00:00:00:01"}`
	tests := []struct{ name, members, cniArgs string }{
		{"key with a wrong type", `, "mac": 5`, ""},
		{"args with a wrong type", `, "args": "x"`, ""},
		{"args.cni with a wrong type", `, "args": {"cni": []}`, ""},
		{"args.cni.mac with a wrong type", `, "args": {"cni": {"mac": 5}}`, ""},
		{"unknown CNI_ARGS", ``, "K8S_POD_NAME=vm-0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := callOf(vmsWith(capability + tt.members))
			call.Args = tt.cniArgs
			if conf, err := Parse(call); err == nil {
				t.Errorf("Parse\nwant an error\ngot  %v", conf.Tap.MAC)
			}
		})
	}
}
