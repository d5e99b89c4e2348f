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
		valid kind = iota
		variable
		key
		cniVersion
		undecodable
	)
	attachment := func(command, containerID, ifName string) Args {
		return Args{Command: command, ContainerID: containerID, IfName: ifName, StdinData: []byte(conf)}
	}
	network := func(command, stdin string) Args { return Args{Command: command, StdinData: []byte(stdin)} }
	oldCheck := attachment("CHECK", "a", "n")
	oldCheck.StdinData = []byte(`{"cniVersion": "0.3.1", "name": "a"}`)
	firstCheck := attachment("CHECK", "a", "n")
	firstCheck.StdinData = []byte(`{"cniVersion": "0.4.0", "name": "a"}`)
	tests := []struct {
		name string
		args Args
		want kind
		text string
	}{
		{"ADD", attachment("ADD", "0a", "net1"), valid, ""},
		{"GC ignores container ID and interface name", attachment("GC", "/", "/"), valid, ""},
		{"container ID with a slash", attachment("ADD", "a/b", "net1"), variable, `CNI_CONTAINERID="a/b"`},
		{"container ID that begins with a dot", attachment("DEL", ".a", "net1"), variable, "CNI_CONTAINERID"},
		{"container ID with a line break", attachment("DEL", "a\n", "net1"), variable, "CNI_CONTAINERID"},
		{"interface name with a space", attachment("CHECK", "a", "net 1"), variable, `CNI_IFNAME="net 1"`},
		{"interface name too long", attachment("DEL", "a", strings.Repeat("n", 16)), variable, "15 bytes"},
		{"DEL with a pattern, which ADD rejects", attachment("DEL", "a", "tap%d"), valid, ""},
		{"DEL with a letter that contains the byte 0xa0, which ADD rejects", attachment("DEL", "a", "càt"), valid, ""},
		{"interface name with a Unicode space", attachment("DEL", "a", "n\u2003"), variable, "CNI_IFNAME"},
		{"not JSON", network("STATUS", `{`), undecodable, ""},
		{"empty stdin", network("STATUS", ""), undecodable, ""},
		{"version is a number", network("STATUS", `{"cniVersion": 1}`), undecodable, "cniVersion"},
		{"name missing", network("STATUS", `{"cniVersion": "1.1.0"}`), key, "name"},
		{"null", network("STATUS", `null`), key, "name"},
		{"name with a slash", network("STATUS", `{"cniVersion": "1.1.0", "name": "a/b"}`), key, `"a/b"`},
		{"name that begins with a hyphen", network("STATUS", `{"cniVersion": "1.1.0", "name": "-a"}`), key, `"-a"`},
		{"name that is not ASCII", network("STATUS", `{"cniVersion": "1.1.0", "name": "ä"}`), key, `"ä"`},
		{"name of one letter", network("STATUS", `{"cniVersion": "1.1.0", "name": "a"}`), valid, ""},
		{"name with all kinds of characters", network("STATUS", `{"cniVersion": "1.1.0", "name": "0.A_z-"}`), valid, ""},
		{"unknown version", network("STATUS", `{"cniVersion": "9.9.9", "name": "a"}`), cniVersion, `"9.9.9"`},
		{"missing version means 0.1.0", network("GC", `{"name": "a"}`), cniVersion, "GC"},
		{"STATUS before 1.1.0", network("STATUS", `{"cniVersion": "1.0.0", "name": "a"}`), cniVersion, "STATUS"},
		{"GC before 1.1.0", network("GC", `{"cniVersion": "1.0.0", "name": "a"}`), cniVersion, "GC"},
		{"CHECK before 0.4.0", oldCheck, cniVersion, "CHECK"},
		{"CHECK of 0.4.0", firstCheck, valid, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.args.Validate()
			got := valid
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
			if got != tt.want || got == valid && err != nil || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Validate\nwant an error of kind %d: …%s…\ngot  kind %d: %v", tt.want, tt.text, got, err)
			}
		})
	}
}

func TestCNIVersion(t *testing.T) {
	tests := []struct{ name, conf, want string }{
		{"supported", `{"cniVersion": "0.3.1"}`, "0.3.1"},
		{"missing", `{}`, "0.1.0"},
		{"unknown", `{"cniVersion": "9.9.9"}`, "1.1.0"},
		{"undecodable", `{`, "1.1.0"},
		{"stdin not read", ``, "1.1.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (&Args{StdinData: []byte(tt.conf)}).CNIVersion(); got != tt.want {
				t.Errorf("CNIVersion of %s\nwant %s\ngot  %s", tt.conf, tt.want, got)
			}
		})
	}
}
