//go:build shortlimit

package ipam

import "time"

// Limits of bin/short/tap, which the end-to-end tests use so that they do not wait for minutes.
const (
	timeLimit   = time.Second
	gracePeriod = 500 * time.Millisecond
)
