package netconf

import (
	"errors"
	"strings"
	"testing"
)

const prevEth0 = `"prevResult": {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/pod"}]}`

// redirectOf returns the input of a verb for eth0, which a previous plugin of the chain made.
func redirectOf(members, cniArgs string) *Args {
	call := callOf(vmsWith(members + ", " + prevEth0))
	call.IfName, call.Args = "eth0", cniArgs
	return call
}

func TestParseRedirectName(t *testing.T) {
	tests := []struct{ name, ifName, members, cniArgs, want string }{
		{"default", "eth0", `"redirect": true`, "", "tap-eth0"},
		{"11 bytes", "abcdefghijk", `"redirect": true`, "", "tap-abcdefghijk"},
		{"12 bytes", "abcdefghijkl", `"redirect": true`, "", "tap-" + hashText("abcdefghijkl")[:11]},
		{"15 bytes", "abcdefghijklmno", `"redirect": true`, "", "tap-" + hashText("abcdefghijklmno")[:11]},
		{"key", "eth0", `"redirect": true, "tapName": "vm0"`, "", "vm0"},
		{"CNI_ARGS", "eth0", `"redirect": true, "tapName": "vm0"`, "TC_REDIRECT_TAP_NAME=vm1", "vm1"},
		{"without redirect", "eth0", `"redirect": false`, "IgnoreUnknown=1;TC_REDIRECT_TAP_NAME=vm1", "eth0"},
		{"null", "eth0", `"redirect": null`, "", "eth0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := redirectOf(tt.members, tt.cniArgs)
			call.IfName = tt.ifName
			conf := mustParse(t, call)
			if conf.Tap.Name != tt.want || len(conf.Tap.Name) > maxNameLen {
				t.Errorf("name of the tap\nwant %s\ngot  %s", tt.want, conf.Tap.Name)
			}
			del, err := ParseDel(call)
			if err != nil || del.Alias() != conf.Alias() || del.Tap.Redirect != conf.Tap.Redirect {
				t.Errorf("ParseDel\nwant redirect %v, alias %s\ngot  %+v, %v", conf.Tap.Redirect, conf.Alias(), del, err)
			}
		})
	}
}

func TestParseRedirectOwner(t *testing.T) {
	const none = -1
	runsAs := &RedirectDefaults{User: 7, Group: 8}
	tests := []struct {
		name, members, cniArgs string
		defaults               *RedirectDefaults
		user, group            int64
	}{
		{"none", `"redirect": true`, "", nil, none, none},
		{"keys", `"redirect": true, "owner": 5, "group": 6`, "", nil, 5, 6},
		{"CNI_ARGS", `"redirect": true, "owner": 5, "group": 6`, "TC_REDIRECT_TAP_UID=0;TC_REDIRECT_TAP_GID=4294967294", nil, 0,
			4294967294},
		{"CNI_ARGS, group only", `"redirect": true`, "TC_REDIRECT_TAP_GID=9", nil, none, 9},
		{"CNI_ARGS without redirect", `"owner": 5`, "IgnoreUnknown=1;TC_REDIRECT_TAP_UID=9", nil, 5, none},
		{"tc-redirect-tap", `"args": {}`, "", runsAs, 7, 8},
		{"tc-redirect-tap, keys", `"owner": 5`, "", runsAs, 5, 8},
		{"tc-redirect-tap, CNI_ARGS with an unknown key", `"args": {}`, "FOO=bar;TC_REDIRECT_TAP_UID=9", runsAs, 9, 8},
		{"tc-redirect-tap, without redirect", `"redirect": false`, "", runsAs, none, none},
	}
	number := func(id *uint32) int64 {
		if id == nil {
			return none
		}
		return int64(*id)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call := redirectOf(tt.members, tt.cniArgs)
			call.RedirectDefaults = tt.defaults
			tap := mustParse(t, call).Tap
			if number(tap.Owner) != tt.user || number(tap.Group) != tt.group {
				t.Errorf("owner and group\nwant %d, %d\ngot  %d, %d", tt.user, tt.group, number(tap.Owner), number(tap.Group))
			}
		})
	}
}

func TestParseRedirectContradictionRefused(t *testing.T) {
	for _, tt := range []struct{ members, key, value string }{
		{`"mac": "02:00:00:00:00:01"`, "mac", `"02:00:00:00:00:01"`},
		{`"runtimeConfig": {"mac": "02:00:00:00:00:01"}`, "mac", "none"},
		{`"mtu": 1400`, "mtu", "1400"},
		{`"bridge": "br0"`, "bridge", `"br0"`},
		{`"ipam": {"type": "static"}`, "ipam", `{"type": "static"}`},
	} {
		t.Run(tt.members, func(t *testing.T) {
			_, err := Parse(redirectOf(`"redirect": true, `+tt.members, ""))
			wantKeyError(t, err, tt.key, tt.value, tt.key+" or redirect, but not both")
		})
	}
	t.Run("empty values", func(t *testing.T) {
		conf := mustParse(t, redirectOf(`"redirect": true, "mac": "", "mtu": 0, "bridge": "", "ipam": {}`,
			"MAC=02:00:00:00:00:01"))
		if conf.Tap.MAC != nil {
			t.Errorf("MAC of the tap, with a MAC for the interface in CNI_ARGS\nwant none\ngot  %s", conf.Tap.MAC)
		}
	})
}

func TestParseRedirectRefused(t *testing.T) {
	t.Run("without previous plugin", func(t *testing.T) {
		_, err := Parse(callOf(vmsWith(`"redirect": true`)))
		wantKeyError(t, err, "redirect", "true", "redirect in a later plugin of a chain")
	})
	t.Run("tapName equals CNI_IFNAME", func(t *testing.T) {
		_, err := Parse(redirectOf(`"redirect": true, "tapName": "eth0"`, ""))
		wantKeyError(t, err, "tapName", `"eth0"`, "a name other than CNI_IFNAME")
	})
	t.Run("not a bool", func(t *testing.T) {
		_, err := Parse(redirectOf(`"redirect": "true"`, ""))
		wantKeyError(t, err, "redirect", `"true"`, "true or false")
	})
	for _, cniArgs := range []string{"TC_REDIRECT_TAP_NAME=vm0", "TC_REDIRECT_TAP_UID=0", "TC_REDIRECT_TAP_GID=9"} {
		t.Run(cniArgs+" without redirect", func(t *testing.T) {
			_, err := Parse(redirectOf(`"redirect": false`, cniArgs))
			var variable *VarError
			name, _, _ := strings.Cut(cniArgs, "=")
			if !errors.As(err, &variable) || !strings.Contains(err.Error(), name+" requires redirect") {
				t.Errorf("Parse\nwant a VarError that names %s\ngot  %v", name, err)
			}
		})
	}
	for _, cniArgs := range []string{
		"TC_REDIRECT_TAP_NAME=a/b", "TC_REDIRECT_TAP_NAME=tap%d", "TC_REDIRECT_TAP_NAME=0123456789abcdef",
		"TC_REDIRECT_TAP_UID=root", "TC_REDIRECT_TAP_UID=-1", "TC_REDIRECT_TAP_UID=4294967295", "TC_REDIRECT_TAP_GID=1.5",
		"FOO=bar",
	} {
		t.Run(cniArgs, func(t *testing.T) {
			_, err := Parse(redirectOf(`"redirect": true`, cniArgs))
			var variable *VarError
			if !errors.As(err, &variable) || variable.Var != "CNI_ARGS" || variable.Advice == "" {
				t.Errorf("Parse\nwant a VarError about CNI_ARGS, with advice\ngot  %v", err)
			}
		})
	}
}

// DEL finds a redirected tap by its alias, which does not contain the tap's name. So DEL succeeds with a name
// that ADD rejects.
func TestParseDelRedirectInvalidName(t *testing.T) {
	for _, call := range []*Args{
		redirectOf(`"redirect": true`, "FOO=bar"),
		redirectOf(`"redirect": true`, "TC_REDIRECT_TAP_NAME=a/b"),
		redirectOf(`"redirect": true, "tapName": "a/b"`, ""),
		redirectOf(`"redirect": true, "tapName": 7`, ""),
	} {
		conf, err := ParseDel(call)
		if err != nil || conf.Tap.Name != "" || conf.Alias() != "tap/vms/0123abcd/eth0/:redirect" {
			t.Errorf("ParseDel of %s, %s\nwant no error, no name\ngot  %v, %+v", call.StdinData, call.Args, err, conf)
		}
	}
}

func TestParseStatusRedirectHasNoName(t *testing.T) {
	call := redirectOf(`"redirect": true`, "")
	call.IfName = ""
	conf, err := ParseStatus(call)
	if err != nil || conf.Tap.Name != "" || !conf.Tap.Redirect {
		t.Errorf("ParseStatus\nwant redirect without a name\ngot  %+v, %v", conf, err)
	}
}

// The name of the filters on an interface depends on the attachment, not on the tap's name.
func TestHookName(t *testing.T) {
	long := strings.Repeat("x", 4096)
	conf := &Config{Network: "vms", ContainerID: "0123", IfName: "eth0", Tap: Tap{Name: "tap-eth0", Redirect: true}}
	longest := &Config{Network: long, ContainerID: long[:107], IfName: strings.Repeat("i", 15), Tap: Tap{Redirect: true}}
	for _, tt := range []struct{ what, want, got string }{
		{"alias", "tap/vms/0123/eth0/:redirect", conf.Alias()},
		{"name", "tap/vms/0123/eth0/:interface", conf.HookName(false)},
		{"name with created qdisc", "tap/vms/0123/eth0/:interface+clsact", conf.HookName(true)},
	} {
		if tt.got != tt.want {
			t.Errorf("%s\nwant %s\ngot  %s", tt.what, tt.want, tt.got)
		}
	}
	if most := 255; len(longest.HookName(true)) > most { // CLS_BPF_NAME_LEN minus its NUL
		t.Errorf("longest name\nwant at most %d bytes\ngot  %d", most, len(longest.HookName(true)))
	}
	valid := validAttachmentsOf(t, "vms", `[{"containerID": "4567", "ifname": "eth0"}]`)
	for _, tt := range []struct {
		name                   string
		hook, own, made, stale bool
	}{
		{conf.HookName(false), true, true, false, true},
		{conf.HookName(true), true, true, true, true},
		{"tap/vms/4567/eth0/:interface", true, false, false, false},
		{"tap/other/0123/eth0/:interface", true, false, false, false},
		{"tap/vms/0123/eth1/:interface+clsact", true, false, true, true},
		{conf.Alias(), false, false, false, false},
		{"tap/vms/0123/eth0", false, false, false, false},
		{"tap/vms/:interface", false, false, false, false},
		{"cil_from_container", false, false, false, false},
		{"", false, false, false, false},
	} {
		if got := IsHookName(tt.name); got != tt.hook {
			t.Errorf("IsHookName(%q)\nwant %v\ngot  %v", tt.name, tt.hook, got)
		}
		if got, want := IsRedirectFilterName(tt.name), tt.hook || tt.name == conf.Alias(); got != want {
			t.Errorf("IsRedirectFilterName(%q)\nwant %v\ngot  %v", tt.name, want, got)
		}
		if got := conf.IsHook(tt.name); got != tt.own {
			t.Errorf("IsHook(%q)\nwant %v\ngot  %v", tt.name, tt.own, got)
		}
		if got := MadeQdisc(tt.name); got != tt.made {
			t.Errorf("MadeQdisc(%q)\nwant %v\ngot  %v", tt.name, tt.made, got)
		}
		if got := valid.StaleHook(tt.name); got != tt.stale {
			t.Errorf("StaleHook(%q)\nwant %v\ngot  %v", tt.name, tt.stale, got)
		}
	}
}
