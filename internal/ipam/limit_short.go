//go:build shortlimit

package ipam

import "time"

// Of bin/short/tap, which the end-to-end tests run instead of waiting for minutes.
const (
	timeLimit = time.Second
	graceTime = 500 * time.Millisecond
)
