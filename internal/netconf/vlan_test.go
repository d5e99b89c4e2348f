package netconf

import (
	"reflect"
	"testing"
)

func TestParseVLANs(t *testing.T) {
	tagged := func(ranges ...VLANRange) []VLANRange { return ranges }
	tests := []struct {
		name, members string
		want          VLANs
	}{
		{"absent", ``, VLANs{}},
		{"null", `"vlan": null, "vlanTrunk": null, "preserveDefaultVlan": null`, VLANs{}},
		{"zero and empty", `"vlan": 0, "vlanTrunk": []`, VLANs{}},
		{"no VLANs, default preserved", `"preserveDefaultVlan": true`, VLANs{}},
		{"smallest", `"vlan": 1`, VLANs{Native: 1, DropDefault: true}},
		{"largest", `"vlan": 4094`, VLANs{Native: 4094, DropDefault: true}},
		{"default preserved", `"vlan": 5, "preserveDefaultVlan": true`, VLANs{Native: 5}},
		{"default not preserved", `"vlan": 5, "preserveDefaultVlan": false`, VLANs{Native: 5, DropDefault: true}},

		{"trunk", `"vlanTrunk": [{"id": 5}]`, VLANs{Native: 1, Tagged: tagged(VLANRange{5, 5}), DropDefault: true}},
		{"trunk, default not preserved", `"vlanTrunk": [{"id": 5}], "preserveDefaultVlan": false`,
			VLANs{Native: 1, Tagged: tagged(VLANRange{5, 5}), DropDefault: true}},
		{"trunk of the native VLAN", `"vlanTrunk": [{"id": 1}]`, VLANs{Native: 1, DropDefault: true}},
		{"range", `"vlanTrunk": [{"minID": 5, "maxID": 7}]`,
			VLANs{Native: 1, Tagged: tagged(VLANRange{5, 7}), DropDefault: true}},
		{"range of one", `"vlanTrunk": [{"minID": 5, "maxID": 5}]`,
			VLANs{Native: 1, Tagged: tagged(VLANRange{5, 5}), DropDefault: true}},
		{"range of all", `"vlanTrunk": [{"minID": 1, "maxID": 4094}]`,
			VLANs{Native: 1, Tagged: tagged(VLANRange{2, 4094}), DropDefault: true}},
		{"range and ID in one entry", `"vlanTrunk": [{"id": 9, "minID": 5, "maxID": 7}]`,
			VLANs{Native: 1, Tagged: tagged(VLANRange{5, 7}, VLANRange{9, 9}), DropDefault: true}},
		{"ID with null range", `"vlanTrunk": [{"id": 9, "minID": null, "maxID": null}]`,
			VLANs{Native: 1, Tagged: tagged(VLANRange{9, 9}), DropDefault: true}},
		{"unordered, duplicate, adjacent",
			`"vlanTrunk": [{"id": 9}, {"minID": 5, "maxID": 8}, {"id": 3}, {"minID": 7, "maxID": 9}, {"id": 9}]`,
			VLANs{Native: 1, Tagged: tagged(VLANRange{3, 3}, VLANRange{5, 9}), DropDefault: true}},

		{"both", `"vlan": 100, "vlanTrunk": [{"id": 1}, {"minID": 200, "maxID": 300}]`,
			VLANs{Native: 100, Tagged: tagged(VLANRange{1, 1}, VLANRange{200, 300}), DropDefault: true}},
		{"both, native within the range", `"vlan": 250, "vlanTrunk": [{"minID": 200, "maxID": 300}]`,
			VLANs{Native: 250, Tagged: tagged(VLANRange{200, 249}, VLANRange{251, 300}), DropDefault: true}},
		{"vlan 0 and a trunk", `"vlan": 0, "vlanTrunk": [{"id": 5}]`,
			VLANs{Native: 1, Tagged: tagged(VLANRange{5, 5}), DropDefault: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			members := `"bridge": "br0"`
			if tt.members != "" {
				members += ", " + tt.members
			}
			if got := mustParse(t, callOf(vmsWith(members))).Tap.VLANs; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("VLANs of %s\nwant %+v\ngot  %+v", tt.members, tt.want, got)
			}
		})
	}
}

func TestParseVLANsWithoutBridge(t *testing.T) {
	for _, members := range []string{
		`"vlan": 0`, `"vlan": null`, `"vlanTrunk": []`, `"vlanTrunk": null`,
		`"preserveDefaultVlan": false`, `"preserveDefaultVlan": null`,
	} {
		t.Run(members, func(t *testing.T) {
			if got := mustParse(t, callOf(vmsWith(members))).Tap.VLANs; !reflect.DeepEqual(got, VLANs{}) {
				t.Errorf("VLANs\nwant none\ngot  %+v", got)
			}
		})
	}
	tests := []struct{ members, key, value string }{
		{`"vlan": 5`, "vlan", `5`},
		{`"vlan": 5, "bridge": ""`, "vlan", `5`},
		{`"vlan": 5, "bridge": null`, "vlan", `5`},
		{`"vlanTrunk": [{"id": 5}]`, "vlanTrunk", `[{"id": 5}]`},
		{`"preserveDefaultVlan": true`, "preserveDefaultVlan", `true`},
	}
	for _, tt := range tests {
		t.Run(tt.members, func(t *testing.T) {
			_, err := Parse(callOf(vmsWith(tt.members)))
			wantKeyError(t, err, tt.key, tt.value, tt.key+" together with bridge")
		})
	}
}

func TestParseVLANsRefused(t *testing.T) {
	const ids = "from 1 to 4094"
	tests := []struct{ name, members, key, value, allowed string }{
		{"vlan negative", `"vlan": -1`, "vlan", `-1`, ids},
		{"vlan above the maximum", `"vlan": 4095`, "vlan", `4095`, ids},
		{"vlan that wraps to a valid one at 16 bits", `"vlan": 65541`, "vlan", `65541`, ids},
		{"vlan fraction", `"vlan": 5.5`, "vlan", `5.5`, ids},
		{"vlan with fraction 0", `"vlan": 5.0`, "vlan", `5.0`, ids},
		{"vlan string", `"vlan": "5"`, "vlan", `"5"`, ids},
		{"vlan list", `"vlan": [5]`, "vlan", `[5]`, ids},

		{"preserveDefaultVlan string", `"vlan": 5, "preserveDefaultVlan": "true"`, "preserveDefaultVlan", `"true"`,
			"true or false"},
		{"preserveDefaultVlan number", `"vlan": 5, "preserveDefaultVlan": 1`, "preserveDefaultVlan", `1`, "true or false"},

		{"trunk object", `"vlanTrunk": {"id": 5}`, "vlanTrunk", `{"id": 5}`, "a list of objects"},
		{"trunk number", `"vlanTrunk": 5`, "vlanTrunk", `5`, "a list of objects"},
		{"trunk of numbers", `"vlanTrunk": [5]`, "vlanTrunk[0]", `5`, "an object with id"},
		{"trunk with null", `"vlanTrunk": [{"id": 5}, null]`, "vlanTrunk[1]", `null`, "an object with id"},
		{"trunk with an empty object", `"vlanTrunk": [{"id": 5}, {}]`, "vlanTrunk[1]", `{}`, "an object with id"},
		{"trunk with a misspelt key", `"vlanTrunk": [{"id": 5, "max": 7}]`, "vlanTrunk[0]", `{"id": 5, "max": 7}`,
			"minID and maxID together"},
		{"maxID missing", `"vlanTrunk": [{"minID": 5}]`, "vlanTrunk[0]", `{"minID": 5}`, "minID and maxID together"},
		{"minID missing", `"vlanTrunk": [{"id": 5, "maxID": 5}]`, "vlanTrunk[0]", `{"id": 5, "maxID": 5}`,
			"minID and maxID together"},
		{"minID above maxID", `"vlanTrunk": [{"minID": 7, "maxID": 5}]`, "vlanTrunk[0].minID", `7`, "not above maxID"},
		{"id 0", `"vlanTrunk": [{"id": 0}]`, "vlanTrunk[0].id", `0`, ids},
		{"id above the maximum", `"vlanTrunk": [{"id": 4095}]`, "vlanTrunk[0].id", `4095`, ids},
		{"id negative", `"vlanTrunk": [{"id": -5}]`, "vlanTrunk[0].id", `-5`, ids},
		{"id string", `"vlanTrunk": [{"id": "5"}]`, "vlanTrunk[0].id", `"5"`, ids},
		{"minID 0", `"vlanTrunk": [{"minID": 0, "maxID": 5}]`, "vlanTrunk[0].minID", `0`, ids},
		{"minID fraction", `"vlanTrunk": [{"minID": 1.5, "maxID": 5}]`, "vlanTrunk[0].minID", `1.5`, ids},
		{"maxID above the maximum", `"vlanTrunk": [{"minID": 1, "maxID": 4095}]`, "vlanTrunk[0].maxID", `4095`, ids},
		{"maxID does not fit 64 bits", `"vlanTrunk": [{"minID": 1, "maxID": 18446744073709551620}]`, "vlanTrunk[0].maxID",
			`18446744073709551620`, ids},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf, err := Parse(callOf(vmsWith(`"bridge": "br0", ` + tt.members)))
			if conf != nil {
				t.Errorf("Config returned with an error\nwant nil\ngot  %+v", conf)
			}
			wantKeyError(t, err, tt.key, tt.value, tt.allowed)
		})
	}
}
