package netconf

import (
	"errors"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	const conf = `{"cniVersion": "1.1.0", "name": "vms"}`
	type kind int
	const (
		fine kind = iota
		variable
		key
		cniVersion
		undecodable
	)
	tests := []struct {
		name string
		args Args
		want kind
		text string
	}{
		{"ADD", Args{Command: "ADD", ContainerID: "0a", IfName: "net1", StdinData: []byte(conf)}, fine, ""},
		{"GC needs no attachment", Args{Command: "GC", ContainerID: "/", IfName: "/", StdinData: []byte(conf)}, fine, ""},
		{"container ID with a slash", Args{Command: "ADD", ContainerID: "a/b", IfName: "net1", StdinData: []byte(conf)}, variable, `CNI_CONTAINERID="a/b"`},
		{"container ID that begins with a dot", Args{Command: "DEL", ContainerID: ".a", IfName: "net1", StdinData: []byte(conf)}, variable, "CNI_CONTAINERID"},
		{"container ID with a line break", Args{Command: "DEL", ContainerID: "a\n", IfName: "net1", StdinData: []byte(conf)}, variable, "CNI_CONTAINERID"},
		{"interface name with a space", Args{Command: "CHECK", ContainerID: "a", IfName: "net 1", StdinData: []byte(conf)}, variable, `CNI_IFNAME="net 1"`},
		{"interface name too long", Args{Command: "DEL", ContainerID: "a", IfName: strings.Repeat("n", 16), StdinData: []byte(conf)}, variable, "15 bytes"},
		{"a pattern, which ADD refuses, can be deleted", Args{Command: "DEL", ContainerID: "a", IfName: "tap%d", StdinData: []byte(conf)}, fine, ""},
		{"a letter whose bytes the kernel takes for a space can be deleted", Args{Command: "DEL", ContainerID: "a", IfName: "càt", StdinData: []byte(conf)}, fine, ""},
		{"a space of another script", Args{Command: "DEL", ContainerID: "a", IfName: "n\u2003", StdinData: []byte(conf)}, variable, "CNI_IFNAME"},
		{"no JSON", Args{Command: "STATUS", StdinData: []byte(`{`)}, undecodable, ""},
		{"nothing", Args{Command: "STATUS"}, undecodable, ""},
		{"version is a number", Args{Command: "STATUS", StdinData: []byte(`{"cniVersion": 1}`)}, undecodable, "cniVersion"},
		{"no name", Args{Command: "STATUS", StdinData: []byte(`{"cniVersion": "1.1.0"}`)}, key, "name"},
		{"null", Args{Command: "STATUS", StdinData: []byte(`null`)}, key, "name"},
		{"name with a slash", Args{Command: "STATUS", StdinData: []byte(`{"cniVersion": "1.1.0", "name": "a/b"}`)}, key, `"a/b"`},
		{"name that begins with a hyphen", Args{Command: "STATUS", StdinData: []byte(`{"cniVersion": "1.1.0", "name": "-a"}`)}, key, `"-a"`},
		{"name that is no ASCII", Args{Command: "STATUS", StdinData: []byte(`{"cniVersion": "1.1.0", "name": "ä"}`)}, key, `"ä"`},
		{"name of one letter", Args{Command: "STATUS", StdinData: []byte(`{"cniVersion": "1.1.0", "name": "a"}`)}, fine, ""},
		{"name of everything", Args{Command: "STATUS", StdinData: []byte(`{"cniVersion": "1.1.0", "name": "0.A_z-"}`)}, fine, ""},
		{"unknown version", Args{Command: "STATUS", StdinData: []byte(`{"cniVersion": "9.9.9", "name": "a"}`)}, cniVersion, `"9.9.9"`},
		{"no version is 0.1.0", Args{Command: "GC", StdinData: []byte(`{"name": "a"}`)}, cniVersion, "GC"},
		{"STATUS before its time", Args{Command: "STATUS", StdinData: []byte(`{"cniVersion": "1.0.0", "name": "a"}`)}, cniVersion, "STATUS"},
		{"GC before its time", Args{Command: "GC", StdinData: []byte(`{"cniVersion": "1.0.0", "name": "a"}`)}, cniVersion, "GC"},
		{"CHECK before its time", Args{Command: "CHECK", ContainerID: "a", IfName: "n", StdinData: []byte(`{"cniVersion": "0.3.1", "name": "a"}`)}, cniVersion, "CHECK"},
		{"CHECK in time", Args{Command: "CHECK", ContainerID: "a", IfName: "n", StdinData: []byte(`{"cniVersion": "0.4.0", "name": "a"}`)}, fine, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.args.Validate()
			got := fine
			switch {
			case errors.As(err, new(*VarError)):
				got = variable
			case errors.As(err, new(*KeyError)):
				got = key
			case errors.As(err, new(*VersionError)):
				got = cniVersion
			case errors.Is(err, ErrUndecodable):
				got = undecodable
			}
			if got != tt.want || got == fine && err != nil || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Validate\nwant an error of kind %d: …%s…\ngot  kind %d: %v", tt.want, tt.text, got, err)
			}
		})
	}
}

func TestCNIVersionToSpeak(t *testing.T) {
	tests := []struct{ name, conf, want string }{
		{"that of the configuration", `{"cniVersion": "0.3.1"}`, "0.3.1"},
		{"none means the first", `{}`, "0.1.0"},
		{"unknown", `{"cniVersion": "9.9.9"}`, "1.1.0"},
		{"undecodable", `{`, "1.1.0"},
		{"not read so far", ``, "1.1.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (&Args{StdinData: []byte(tt.conf)}).CNIVersion(); got != tt.want {
				t.Errorf("CNIVersion of %s\nwant %s\ngot  %s", tt.conf, tt.want, got)
			}
		})
	}
}
