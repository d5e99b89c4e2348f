package main

import (
	"strings"
	"testing"
	"time"
)

// What could not be a tag, or a file's name, is refused before anything is made or removed.
func TestMakeRefusesUnusableVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"v1.2.0": true, "be817ce-dirty": true, "v1.2.0-rc.1-5-g0123abc": true,
		"": false, "v1.2.0+5": false, "feature/x": false, "-v1": false, "v1 -X main.x": false, "..": false,
	} {
		r := release{version: version, out: t.TempDir(), nfpm: "/nowhere"}
		t.Setenv("SOURCE_DATE_EPOCH", "no date") // what is refused next
		if err := r.make(); strings.HasPrefix(err.Error(), "version ") == want {
			t.Errorf("version %q: %v", version, err)
		}
	}
}

func TestPackageVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.0":                       "1.2.0",
		"1.2.0":                        "1.2.0",
		"v1.2.0-dirty":                 "1.2.0+dirty",
		"v1.2.0-5-g0123abc":            "1.2.0+5.g0123abc",
		"v1.2.0-5-g0123abc-dirty":      "1.2.0+5.g0123abc.dirty",
		"v1.2.0-rc.1":                  "1.2.0~rc.1",
		"v1.2.0-rc-1-5-g0123abc":       "1.2.0~rc.1+5.g0123abc",
		"v1.2.0-rc.1-5-g0123abc-dirty": "1.2.0~rc.1+5.g0123abc.dirty",
		"be817ce":                      "0~20260304050607.be817ce",
		"be817ce-dirty":                "0~20260304050607.be817ce.dirty",
		"devel":                        "0~20260304050607.devel",
		"1234567":                      "0~20260304050607.1234567", // a commit
	} {
		if got := packageVersion(version, time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)); got != want {
			t.Errorf("%s\nwant %s\ngot  %s", version, want, got)
		}
	}
}
