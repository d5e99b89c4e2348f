package netconf

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"
)

// The schema must have the same keys as rawConfig: editors check configurations with it. test/schema compares
// the values.
func TestSchemaHasSameKeys(t *testing.T) {
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

	ofList := []string{"plugins"}                 // decoded only to be rejected
	ofRuntime := []string{"type", "capabilities"} // used by the runtime only
	read := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[rawConfig]()) {
		key := field.Tag.Get("json")
		read[key] = true
		if _, there := inSchema[key]; !there && !slices.Contains(ofList, key) {
			t.Errorf("properties of $defs/tap\nwant %s, which the plugin decodes\ngot  no such key", key)
		}
	}
	for key := range inSchema {
		if !read[key] && !slices.Contains(ofRuntime, key) {
			t.Errorf("properties of $defs/tap\nwant keys that the plugin decodes\ngot  %s", key)
		}
	}
}
