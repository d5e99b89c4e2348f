// Package schema compares schema/tap.schema.json with the examples and with the built plugin. It needs no root.
package schema

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"tap/test/harness"
)

// m is a JSON object.
type m = map[string]any

// Codes that the plugin answers with; docs/errors.md explains them.
const (
	codeConfig = 7
	codeNetns  = 8
	codeIPAM   = 102
)

const schemaFile = "../../schema/tap.schema.json"

// schemaAt compiles the schema, or the part of it that a JSON pointer names.
func schemaAt(t *testing.T, pointer string) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile + "#" + pointer)
	if err != nil {
		t.Fatalf("%#v", err)
	}
	return schema
}

// decoded is JSON as the validator wants it, with numbers as they were written.
func decoded(t *testing.T, text string) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

func TestSchemaIsValid(t *testing.T) {
	const draft = "https://json-schema.org/draft/2020-12/schema"
	meta, err := jsonschema.NewCompiler().Compile(draft) // part of the module
	if err != nil {
		t.Fatal(err)
	}
	schema := decoded(t, harness.ReadFile(t, schemaFile)).(m)
	if schema["$schema"] != draft {
		t.Errorf("$schema is %v, want %s", schema["$schema"], draft)
	}
	if err := meta.Validate(schema); err != nil {
		t.Error(err)
	}
}

// What an editor shows for a key: each has a description, and what is proposed is right.
func TestSchemaExplainsEveryKey(t *testing.T) {
	defs := decoded(t, harness.ReadFile(t, schemaFile)).(m)["$defs"].(m)
	for _, name := range []string{"list", "entry", "tap", "bandwidth", "trunkEntry", "attachments"} {
		explains(t, "/$defs/"+name, defs[name].(m))
	}
}

func explains(t *testing.T, pointer string, object m) {
	t.Helper()
	if items, ok := object["items"].(m); ok {
		explains(t, pointer+"/items", items)
	}
	keys, _ := object["properties"].(m)
	for key, value := range keys {
		at := pointer + "/properties/" + strings.ReplaceAll(key, "/", "~1")
		property := value.(m)
		if property["description"] == nil {
			t.Errorf("%s has no description", at)
		}
		proposals, _ := property["examples"].([]any)
		if initial, ok := property["default"]; ok {
			proposals = append(proposals, initial)
		}
		for _, proposal := range proposals {
			if err := schemaAt(t, at).Validate(proposal); err != nil {
				t.Errorf("%s: %v", at, err)
			}
		}
		explains(t, at, property)
	}
}

func TestSchemaTakesTheExamples(t *testing.T) {
	schema := schemaAt(t, "")
	files, err := filepath.Glob("../../examples/*.conflist")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	examples := map[string]string{}
	for _, file := range files {
		examples[file] = harness.ReadFile(t, file)
	}
	const multus = "../../examples/network-attachment-definition.yaml"
	var definition struct{ Spec struct{ Config string } }
	if err := yaml.Unmarshal([]byte(harness.ReadFile(t, multus)), &definition); err != nil {
		t.Fatal(err)
	}
	examples[multus] = definition.Spec.Config

	for file, example := range examples {
		if err := schema.Validate(decoded(t, example)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// What is wrong in a document is told at its place, and nothing else.
func TestSchemaSaysWhere(t *testing.T) {
	schema := schemaAt(t, "")
	for _, c := range []struct {
		name, document string
		says           string // empty: right
	}{
		{"smallest", `{"cniVersion": "0.3.0", "name": "a", "plugins": [{"type": "tap"}]}`, ""},
		{"0.3.1", `{"cniVersion": "0.3.1", "name": "a", "plugins": [{"type": "tap"}]}`, ""},
		{"0.4.0", `{"cniVersion": "0.4.0", "name": "a", "plugins": [{"type": "tap"}]}`, ""},
		{"every key of a list", `{"cniVersion": "1.1.0", "cniVersions": ["0.4.0", "1.2.0"], "name": "a", "disableCheck": true, "disableGC": "true", "loadOnlyInlinedPlugins": "false", "plugins": [{"type": "tap"}]}`, ""},
		{"unknown keys", `{"cniVersion": "1.1.0", "name": "a", "vhost": 5, "plugins": [{"type": "tap", "vhost": 5}]}`, ""},
		{"null in an entry", `{"cniVersion": "1.1.0", "name": "a", "plugins": [{"type": "tap", "cniVersion": null, "name": null}]}`, ""},
		{"chained, another plugin's keys", `{"cniVersion": "1.1.0", "name": "a", "plugins": [{"type": "ptp", "mtu": "any", "ipam": 5}, {"type": "tap", "tapName": "tap0"}]}`, ""},
		{"without the tap", `{"cniVersion": "1.1.0", "name": "a", "plugins": [{"type": "bridge", "isolated": true}]}`, ""},

		{"no object", `[]`, "at '': got array, want object"},
		{"no version", `{"name": "a", "plugins": [{"type": "tap"}]}`, "at '': missing property 'cniVersion'"},
		{"older than lists", `{"cniVersion": "0.2.0", "name": "a", "plugins": [{"type": "tap"}]}`, "at '/cniVersion': value must be one of"},
		{"unknown version", `{"cniVersion": "1.1", "name": "a", "plugins": [{"type": "tap"}]}`, "at '/cniVersion': value must be one of"},
		{"no name", `{"cniVersion": "1.1.0", "plugins": [{"type": "tap"}]}`, "at '': missing property 'name'"},
		{"bad name", `{"cniVersion": "1.1.0", "name": "a/b", "plugins": [{"type": "tap"}]}`, "at '/name': 'a/b' does not match pattern"},
		{"null for a name", `{"cniVersion": "1.1.0", "name": null, "plugins": [{"type": "tap"}]}`, "at '/name': got null, want string"},
		{"disableCheck a number", `{"cniVersion": "1.1.0", "name": "a", "disableCheck": 1, "plugins": [{"type": "tap"}]}`, "at '/disableCheck': value must be one of"},
		{"disableGC a word", `{"cniVersion": "1.1.0", "name": "a", "disableGC": "yes", "plugins": [{"type": "tap"}]}`, "at '/disableGC': value must be one of"},
		{"loadOnlyInlinedPlugins null", `{"cniVersion": "1.1.0", "name": "a", "loadOnlyInlinedPlugins": null, "plugins": [{"type": "tap"}]}`, "at '/loadOnlyInlinedPlugins': value must be one of"},
		{"versions a string", `{"cniVersion": "1.1.0", "cniVersions": "1.0.0", "name": "a", "plugins": [{"type": "tap"}]}`, "at '/cniVersions': got string, want array"},
		{"versions a word", `{"cniVersion": "1.1.0", "cniVersions": ["newest"], "name": "a", "plugins": [{"type": "tap"}]}`, "at '/cniVersions/0': 'newest' does not match pattern"},
		{"versions with a number", `{"cniVersion": "1.1.0", "cniVersions": [1.1], "name": "a", "plugins": [{"type": "tap"}]}`, "at '/cniVersions/0': got number, want string"},
		{"no plugins", `{"cniVersion": "1.1.0", "name": "a", "plugins": []}`, "at '/plugins': minItems"},
		{"plugins an object", `{"cniVersion": "1.1.0", "name": "a", "plugins": {"type": "tap"}}`, "at '/plugins': got object, want array"},
		{"entry no object", `{"cniVersion": "1.1.0", "name": "a", "plugins": ["tap"]}`, "at '/plugins/0': got string, want object"},
		{"entry without type", `{"cniVersion": "1.1.0", "name": "a", "plugins": [{"mtu": 5}]}`, "at '/plugins/0': missing property 'type'"},
		{"type a number", `{"cniVersion": "1.1.0", "name": "a", "plugins": [{"type": 5}]}`, "at '/plugins/0/type': got number, want string"},
		{"bad value", `{"cniVersion": "1.1.0", "name": "a", "plugins": [{"type": "ptp"}, {"type": "tap", "txQueueLen": 0}]}`, "at '/plugins/1/txQueueLen': minimum: got 0, want 1"},
		{"name of an entry a number", `{"cniVersion": "1.1.0", "name": "a", "plugins": [{"type": "tap", "name": 5}]}`, "at '/plugins/0/name': got number, want null or string"},
		{"network without version", `{"name": "a", "type": "tap"}`, "at '': missing property 'cniVersion'"},
		{"network without name", `{"cniVersion": "1.1.0", "type": "tap"}`, "at '': missing property 'name'"},
		{"neither list nor network", `{"cniVersion": "1.1.0", "name": "a"}`, "at '': missing property 'type'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := schema.Validate(decoded(t, c.document))
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || strings.Count(err.Error(), "- at ") != 1):
				t.Errorf("want one complaint, %q, got %v", c.says, err)
			}
		})
	}
}

// What the schema says of a single network, the plugin says too.
func TestSchemaAgreesWithThePlugin(t *testing.T) {
	limited := `"ingressRate": 8, "ingressBurst": 640000`
	for _, c := range []struct {
		members        string // of the configuration, with a VALUE
		taken, refused []string
	}{
		{`"cniVersion": VALUE`, []string{`"0.3.0"`, `"0.3.1"`, `"0.4.0"`, `"1.0.0"`, `"1.1.0"`}, []string{`"0.1.0"`, `"0.2.0"`, `"1.1"`, `"1.2.0"`, `"newest"`, `""`, `null`, `1.1`}},
		{`"ipam": {"type": "static"}, "cniVersion": VALUE`, []string{`"0.1.0"`, `"0.2.0"`, `"0.3.0"`, `"1.1.0"`}, []string{`"0.0.1"`, `"2.0.0"`}},
		{`"cniVersion": "0.2.0", "ipam": VALUE`, []string{`{"type": "static"}`, `{"type": "x"}`}, []string{`null`, `{}`, `{"type": null}`, `{"type": ""}`}},
		{`"name": VALUE`, []string{`"a"`, `"0"`, `"a.b-c_D"`}, []string{`""`, `null`, `5`, `".a"`, `"a/b"`, `"a b"`, `"à"`}},
		{`"multiQueue": VALUE`, []string{`true`, `false`, `null`}, []string{`"true"`, `1`, `[]`}},
		{`"mtu": VALUE`, []string{`0`, `68`, `1500`, `65521`, `null`, `-0`}, []string{`-1`, `1`, `67`, `65522`, `1500.5`, `"1500"`, `true`, `[1500]`, `4294968796`, `99999999999999999999`}},
		{ // 020000000001 is taken or not as the Go has it that built the plugin, and not by the schema
			`"mac": VALUE`,
			[]string{`""`, `null`, `"02:00:00:00:00:01"`, `"02-00-00-00-00-01"`, `"0200.0000.0001"`, `"0A:bC:de:F0:12:34"`, `"fe:ff:ff:ff:ff:ff"`, `"00:00:00:00:00:01"`, `"0000.0000.0001"`},
			[]string{
				`5`, `"random"`, `"02:00:00:00:00"`, `"02:00:00:00:00:00:00:01"`, `" 02:00:00:00:00:01"`, `"02:00:00:00:00:01\n"`, `"2:0:0:0:0:1"`,
				`"02:00-00:00:00:01"`, `"0200.0000:0001"`, `"02:00:00:00:00:0g"`, `"01:00:5e:00:00:01"`, `"03-00-00-00-00-01"`, `"0300.0000.0001"`,
				`"ff:ff:ff:ff:ff:ff"`, `"00:00:00:00:00:00"`, `"00-00-00-00-00-00"`, `"0000.0000.0000"`,
			},
		},
		{`"owner": VALUE`, []string{`0`, `4294967294`, `null`}, []string{`-1`, `4294967295`, `4294967296`, `0.1`, `"1000"`}},
		{`"group": VALUE`, []string{`0`, `4294967294`, `null`}, []string{`-1`, `4294967295`, `4294967296`, `0.1`, `"1000"`}},
		{`"selinuxContext": VALUE`, []string{`""`, `null`, `"u:r:t:s0:c1,c2"`}, []string{`5`, `{}`, `"u:r:t:s0\u0000"`, `"\nu:r:t:s0"`, `"u:r:t:s0\n"`}},
		{
			`"bridge": VALUE`,
			[]string{`""`, `null`, `"br0"`, `"0123456789abcde"`, `"a.b"`, `"-x"`, `"..."`, `"\u0001"`, `"é"`, `"All"`},
			[]string{`0`, `{"name": "br0"}`, `"0123456789abcdef"`, `"."`, `".."`, `"all"`, `"default"`, `"br%d"`, `"a/b"`, `"a:b"`, `"a b"`, `"a\t"`, `"a\n"`, `"a\u000b"`, `"a\r"`, `"a\u0000"`},
		},
		{
			`"prevResult": {"cniVersion": "1.1.0"}, "tapName": VALUE`,
			[]string{`""`, `null`, `"net1"`, `"tap0"`, `"0123456789abcde"`, `"é"`},
			[]string{`0`, `["tap0"]`, `"0123456789abcdef"`, `"."`, `".."`, `"all"`, `"default"`, `"tap%d"`, `"a/b"`, `"a:b"`, `"a b"`, `"a\u0000"`},
		},
		{`"isolated": VALUE`, []string{`false`, `null`}, []string{`true`, `"false"`, `0`}},
		{`"isolated": true, "bridge": VALUE`, []string{`"br0"`, `"b"`}, []string{`""`, `null`}},
		{`"vlan": VALUE`, []string{`0`, `null`}, []string{`5`, `-1`, `4095`, `"0"`}},
		{`"bridge": "br0", "vlan": VALUE`, []string{`0`, `1`, `4094`, `null`}, []string{`-1`, `4095`, `5.5`, `"5"`, `[5]`}},
		{`"vlan": 5, "bridge": VALUE`, []string{`"br0"`}, []string{`""`, `null`}},
		{`"vlanTrunk": VALUE`, []string{`[]`, `null`}, []string{`[{"id": 5}]`, `5`}},
		{
			`"bridge": "br0", "vlanTrunk": VALUE`,
			[]string{`[]`, `null`, `[{"id": 1}, {"id": 4094}]`, `[{"minID": 1, "maxID": 4094}]`, `[{"id": 5, "minID": 7, "maxID": 9}]`, `[{"id": 5, "minID": null, "maxID": null}]`, `[{"id": null, "minID": 7, "maxID": 7}]`},
			[]string{
				`5`, `{"id": 5}`, `[5]`, `[null]`, `[{}]`, `[{"id": null}]`, `[{"id": 0}]`, `[{"id": 4095}]`, `[{"id": "5"}]`, `[{"id": 5.5}]`,
				`[{"minID": 5}]`, `[{"maxID": 5}]`, `[{"id": 5, "minID": 5}]`, `[{"id": 5, "maxID": 5}]`, `[{"minID": 5, "maxID": null}]`,
				`[{"minID": 0, "maxID": 5}]`, `[{"minID": 5, "maxID": 4095}]`, `[{"id": 5, "max": 7}]`, `[{"id": 5}, {}]`,
			},
		},
		{`"preserveDefaultVlan": VALUE`, []string{`false`, `null`}, []string{`true`, `"true"`, `1`}},
		{`"bridge": "br0", "preserveDefaultVlan": VALUE`, []string{`true`, `false`, `null`}, []string{`"true"`, `1`}},
		{`"forward": VALUE`, []string{`true`, `false`, `null`}, []string{`"true"`, `1`}},
		{`"acceptRA": VALUE`, []string{`true`, `false`, `null`}, []string{`"true"`, `2`}},
		{`"bridge": "br0", "forward": VALUE`, []string{`false`, `null`}, []string{`true`}},
		{`"bridge": "br0", "acceptRA": VALUE`, []string{`false`, `null`}, []string{`true`}},
		{`"redirect": true, "prevResult": {"cniVersion": "1.1.0"}, "forward": VALUE`, []string{`false`, `null`}, []string{`true`}},
		{`"redirect": true, "prevResult": {"cniVersion": "1.1.0"}, "acceptRA": VALUE`, []string{`false`, `null`}, []string{`true`}},
		{`"promiscMode": VALUE`, []string{`true`, `false`, `null`}, []string{`"true"`, `1`}},
		{`"promisc": VALUE`, []string{`true`, `false`, `null`}, []string{`"true"`, `1`}},
		{`"promiscMode": true, "promisc": VALUE`, []string{`true`, `null`}, []string{`false`}},
		{`"promiscMode": false, "promisc": VALUE`, []string{`false`, `null`}, []string{`true`}},
		{`"promiscMode": null, "promisc": VALUE`, []string{`true`, `false`}, nil},
		{`"allmulti": VALUE`, []string{`true`, `false`, `null`}, []string{`"true"`, `1`}},
		{`"txQueueLen": VALUE`, []string{`1`, `65536`, `null`}, []string{`0`, `-1`, `65537`, `0.5`, `"1000"`}},
		{
			`"bandwidth": VALUE`,
			[]string{`null`, `{}`, `{` + limited + `}`, `{` + limited + `, "egressRate": 1000000000000000, "egressBurst": 34359738359}`, `{"ingressRate": 0, "ingressBurst": 0}`, `{"egressRate": null, "egressBurst": null}`},
			[]string{
				`100`, `[]`, `{"ingressRate": "0"}`, `{"ingressBurst": "0"}`, `{"ingressRate": 1000}`, `{"ingressBurst": 640000}`, `{"egressRate": 1000}`, `{"egressBurst": 640000}`,
				`{"ingressRate": 1000, "egressBurst": 640000}`, `{"ingressRate": 1000, "ingressBurst": 0}`, `{"ingressRate": 0, "ingressBurst": 640000}`, `{"egressRate": 0, "egressBurst": 640000}`, `{"egressRate": 1000, "egressBurst": null}`,
			},
		},
		{`"bandwidth": {"VALUE": 0}`, []string{`ingressRate`, `egressBurst`}, []string{`ingresRate`, `shapedSubnets`}},
		{`"runtimeConfig": {"bandwidth": {"VALUE": 0}}`, []string{`ingressRate`, `shapedSubnets`}, nil},
		{`"bandwidth": {"ingressBurst": 640000, "ingressRate": VALUE}`, []string{`8`, `1000000000000000`}, []string{`-1`, `7`, `1000000000000001`, `8.5`, `"1000"`}},
		{`"bandwidth": {"ingressRate": 1000, "ingressBurst": VALUE}`, []string{`640000`, `34359738359`}, []string{`-1`, `639999`, `34359738360`, `640000.5`, `"640000"`}},
		{`"bandwidth": {"egressBurst": 640000, "egressRate": VALUE}`, []string{`8`, `1000000000000000`}, []string{`7`, `1000000000000001`}},
		{`"bandwidth": {"egressRate": 1000, "egressBurst": VALUE}`, []string{`640000`, `34359738359`}, []string{`639999`, `34359738360`}},
		{
			`"ipam": VALUE`,
			[]string{`null`, `{}`, `{"type": null}`, `{"type": ""}`, `{"type": "host-local", "ranges": 5}`, `{"type": ".ipam"}`, `{"type": "..."}`},
			[]string{`"host-local"`, `[]`, `{"type": 5}`, `{"type": "."}`, `{"type": ".."}`, `{"type": "/opt/cni/bin/static"}`, `{"type": "../static"}`, `{"type": "a\u0000b"}`, `{"type": "tap"}`},
		},
		{
			`"dns": VALUE`,
			[]string{`null`, `{}`, `{"nameservers": ["10.0.0.53"], "domain": "d", "search": ["s"], "options": ["ndots:1"]}`, `{"nameservers": null, "domain": null, "search": [], "options": null}`},
			[]string{`"10.0.0.53"`, `{"nameservers": "10.0.0.53"}`, `{"domain": 5}`, `{"search": [5]}`, `{"options": {}}`},
		},
		{
			`"netnsDirs": VALUE`,
			[]string{`null`, `[]`, `["/run/docker/netns"]`, `["/"]`, `["/.a", "/..a", "/a..", "/..."]`, `["/a b:c"]`},
			[]string{`"/run/netns"`, `{}`, `[5]`, `[null]`, `[""]`, `["run/netns"]`, `["./a"]`, `["/a/"]`, `["//a"]`, `["/a//b"]`, `["/a/../b"]`, `["/a/."]`, `["/.."]`, `["/./a"]`, `["/a\u0000"]`, `["/a", "b"]`},
		},
		{`"args": VALUE`, []string{`null`, `{}`, `{"cni": null}`, `{"cni": {"mac": ""}}`, `{"cni": {"mac": "02:00:00:00:00:01"}}`, `{"example.org": 5}`}, []string{`"MAC=02:00:00:00:00:01"`, `{"cni": "x"}`, `{"cni": {"mac": 5}}`, `{"cni": {"mac": "random"}}`}},
		{
			`"runtimeConfig": VALUE`,
			[]string{`null`, `{}`, `{"mac": null}`, `{"mac": "02:00:00:00:00:01"}`, `{"ips": null}`, `{"ips": []}`, `{"portMappings": 5}`, `{"bandwidth": null}`, `{"bandwidth": {` + limited + `}}`},
			[]string{`[]`, `{"mac": 5}`, `{"ips": 5}`, `{"ips": ["10.0.0.1/24"]}`, `{"mac": "01:00:00:00:00:00"}`, `{"bandwidth": 5}`, `{"bandwidth": {"ingressRate": 1000}}`, `{"bandwidth": {"egressRate": 7, "egressBurst": 640000}}`},
		},
		{`"runtimeConfig": {"ips": ["10.0.0.1/24"]}, "ipam": VALUE`, []string{`{"type": "static"}`, `{"type": "x"}`}, []string{`null`, `{}`, `{"type": null}`, `{"type": ""}`}},
		{`"prevResult": VALUE`, []string{`null`, `{}`, `{"cniVersion": "1.1.0", "ips": []}`}, []string{`[]`, `"none"`}},
		{`"capabilities": VALUE`, []string{`null`, `{}`, `{"mac": true, "ips": true, "bandwidth": false, "portMappings": true}`, `{"mac": null, "ips": null, "bandwidth": null}`}, nil},
		{`"cni.dev/valid-attachments": VALUE`, []string{`null`, `[]`, `[{"containerID": "a", "ifname": "b"}]`}, nil},
		{`"vhost": VALUE`, []string{`null`, `5`}, nil},
	} {
		for _, value := range c.taken {
			wantVerdicts(t, strings.ReplaceAll(c.members, "VALUE", value), true, true)
		}
		for _, value := range c.refused {
			wantVerdicts(t, strings.ReplaceAll(c.members, "VALUE", value), false, false)
		}
	}
}

// Where a schema cannot say what the plugin knows, or says what only others know.
func TestSchemaKnowsLessThanThePlugin(t *testing.T) {
	for _, c := range []struct{ members, why string }{
		{`"MTU": 67`, "a schema knows keys in one spelling"},
		{`"mtu": 1500.0`, "to a schema it is an integer"},
		{`"mtu": 15e2`, "to a schema it is an integer"},
		{`"bridge": "éééééééé"`, "a schema counts characters, the kernel bytes"},
		{`"bridge": "à"`, "one of its bytes, 0xa0, is white space to the kernel"},
		{`"bridge": "br0", "vlanTrunk": [{"minID": 7, "maxID": 5}]`, "a schema does not compare values"},
		{`"tapName": "tap0"`, "the runtime adds the prevResult without which it is an error"},
		{`"prevResult": {"ips": "all"}`, "runtimes write results, the CNI library judges them"},
	} {
		t.Logf("%s: %s", c.members, c.why)
		wantVerdicts(t, c.members, true, false)
	}
}

func TestSchemaIsStricterThanThePlugin(t *testing.T) {
	for _, c := range []struct{ members, why string }{
		{`"type": "other"`, "the runtime chooses the plugin by it, and the schema too"},
		{`"plugins": null`, "to a runtime it is a list without plugins"},
		{`"cniVersion": null, "ipam": {"type": "static"}`, "0.1.0, which nobody means any more"},
		{`"capabilities": []`, "the runtime refuses it"},
		{`"capabilities": {"mac": "true"}`, "the runtime refuses it"},
		{`"capabilities": {"ips": "true"}`, "the runtime refuses it"},
		{`"capabilities": {"bandwidth": "true"}`, "the runtime refuses it"},
		{`"dns": {"nameservers": [null]}`, "an empty string to encoding/json"},
		{`"mac": "random", "runtimeConfig": {"mac": "02:00:00:00:00:01"}`, "only the address that counts is judged"},
		{`"args": {"cni": {"mac": "random"}}, "tapName": "tap0", "prevResult": {}`, "it speaks of another interface"},
		{`"runtimeConfig": {"ips": [5]}, "ipam": {"type": "static"}`, "the IPAM plugin reads it"},
		{`"cni.dev/valid-attachments": 5`, "only GC reads it"},
		{`"cni.dev/attachments": ["container1"]`, "only GC reads it"},
		{`"cni.dev/attachments": [{"ifname": "net1"}]`, "only GC reads it"},
		{`"cni.dev/attachments": [{"containerID": "container1"}]`, "only GC reads it"},
		{`"cni.dev/attachments": [{"containerID": 5, "ifname": "net1"}]`, "only GC reads it"},
		{`"cni.dev/attachments": [{"containerID": "container1", "ifname": 5}]`, "only GC reads it"},
		{`"cni.dev/attachments": [{"containerID": "", "ifname": "net1"}]`, "only GC reads it"},
		{`"cni.dev/attachments": [{"containerID": "container1", "ifname": ""}]`, "only GC reads it"},
	} {
		t.Logf("%s: %s", c.members, c.why)
		wantVerdicts(t, c.members, false, true)
	}
}

// wantVerdicts asks the schema and the plugin whether they take a single network with these members.
func wantVerdicts(t *testing.T, members string, schemaTakes, pluginTakes bool) {
	t.Helper()
	t.Run(members, func(t *testing.T) {
		network := m{"cniVersion": "1.1.0", "name": "vms", "type": "tap"}
		maps.Copy(network, decoded(t, "{"+members+"}").(m))
		config := encoded(t, network)
		err := schemaAt(t, "").Validate(decoded(t, config))
		if schemaTakes != (err == nil) {
			t.Errorf("the schema takes it: want %v, got %v", schemaTakes, err)
		}
		if got := verdict(t, config); pluginTakes != (got.Code != codeConfig) {
			t.Errorf("the plugin takes it: want %v, got %d: %s; %s", pluginTakes, got.Code, got.Msg, got.Details)
		}
	})
}

// verdict returns the plugin's error for a configuration. ADD into a namespace that does not exist fails in any case; it fails
// with codeConfig if the configuration is refused.
func verdict(t *testing.T, config string) harness.Error {
	t.Helper()
	plugin := exec.Command(harness.Plugin(t))
	plugin.Stdin = strings.NewReader(config)
	plugin.Env = []string{
		"CNI_COMMAND=ADD", "CNI_CONTAINERID=container1", "CNI_NETNS=/nowhere", "CNI_IFNAME=net1",
		"CNI_PATH=" + filepath.Dir(plugin.Path) + ":" + harness.BinDir(t),
	}
	out, err := plugin.Output()
	if err == nil {
		t.Fatalf("ADD succeeded: %s", out)
	}
	var e harness.Error
	if err := json.Unmarshal(out, &e); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	switch e.Code {
	case codeNetns, codeConfig:
	case codeIPAM: // an IPAM plugin of that name is not installed
		e.Code = codeNetns
	case 1, 6: // the CNI library's, for versions and types: before the plugin sees it
		e.Code = codeConfig
	default:
		t.Errorf("code %d: %s; %s", e.Code, e.Msg, e.Details)
	}
	return e
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
