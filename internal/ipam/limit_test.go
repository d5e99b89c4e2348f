//go:build !shortlimit

package ipam

import (
	"testing"
	"time"
)

// The short limit of the tests' build is not the product's.
func TestTimeLimit(t *testing.T) {
	if want := 4 * time.Minute; timeLimit != want {
		t.Errorf("timeLimit\nwant %v\ngot  %v", want, timeLimit)
	}
}
