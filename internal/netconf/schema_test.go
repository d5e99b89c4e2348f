package netconf

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"
)

// Editors check configurations with the schema; test/e2e compares the values.
func TestSchemaHasTheKeysOfThePlugin(t *testing.T) {
	data, err := os.ReadFile("../../schema/tap.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Tap struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"tap"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	inSchema := schema.Defs.Tap.Properties

	ofList := []string{"plugins"}                 // read only to be refused
	ofRuntime := []string{"type", "capabilities"} // not for the plugin
	read := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[rawConfig]()) {
		key := field.Tag.Get("json")
		read[key] = true
		if _, there := inSchema[key]; !there && !slices.Contains(ofList, key) {
			t.Errorf("properties of $defs/tap\nwant %s, which the plugin reads\ngot  none of that name", key)
		}
	}
	for key := range inSchema {
		if !read[key] && !slices.Contains(ofRuntime, key) {
			t.Errorf("properties of $defs/tap\nwant keys that the plugin reads\ngot  %s", key)
		}
	}
}
