package main

import (
	"regexp"
	"strings"
	"time"
)

// usable is what an image's tag may be (OCI distribution specification 1.1, "Pulling manifests"),
// which a file's name and an argument of the linker may be as well.
var usable = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// described is what `git describe --tags --always --dirty` makes of a tag.
var described = regexp.MustCompile(`^v?([0-9]+(?:\.[0-9]+)+)(?:-(.+?))??(?:-([0-9]+)-(g[0-9a-f]+))?(?:-(dirty))?$`)

// odd is what a version of a distribution may not have in its parts.
var odd = regexp.MustCompile(`[^0-9A-Za-z.]+`)

// packageVersion is the version as Debian and RPM order it: 1.2.0~rc.1 comes before
// 1.2.0, and that before 1.2.0+5.g0123abc, five commits later. Where no tag tells the
// version, it comes before all of those, by the date.
func packageVersion(version string, date time.Time) string {
	parts := described.FindStringSubmatch(version)
	if parts == nil {
		return "0~" + date.Format("20060102150405") + "." + odd.ReplaceAllString(version, ".")
	}
	number, candidate, later := parts[1], parts[2], parts[3:]
	if candidate != "" {
		number += "~" + odd.ReplaceAllString(candidate, ".")
	}
	if after := strings.Trim(strings.Join(later, "."), "."); after != "" {
		number += "+" + after
	}
	return number
}
