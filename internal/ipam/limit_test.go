//go:build !shortlimit

package ipam

import (
	"testing"
	"time"
)

// The build of the product must not use the limits of limit_short.go.
func TestTimeLimit(t *testing.T) {
	if want := 4 * time.Minute; timeLimit != want {
		t.Errorf("timeLimit\nwant %v\ngot  %v", want, timeLimit)
	}
}
