package measure

import (
	"testing"
	"time"
)

func TestOthers(t *testing.T) {
	before := Usage{all: 100 * time.Second, idle: 50 * time.Second, ours: time.Second}
	tests := []struct {
		name            string
		all, idle, ours time.Duration // since before
		want            float64
	}{
		{"nobody", 10 * time.Second, 4 * time.Second, 6 * time.Second, 0},
		{"a quarter", 20 * time.Second, 10 * time.Second, 5 * time.Second, 25},
		{"the kernel rounds ours up", 10 * time.Second, 4 * time.Second, 7 * time.Second, 0},
		{"no time", 0, 0, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			after := Usage{before.all + test.all, before.idle + test.idle, before.ours + test.ours}
			if got := Others(before, after); got != test.want {
				t.Errorf("want %v, got %v", test.want, got)
			}
		})
	}
}
