package main

import "testing"

func TestParseCalls(t *testing.T) {
	const table = `    calls syscall
--------- ------------------
        7 nanosleep
      114 rt_sigaction
--------- ------------------
      121 total
`
	got, err := parseCalls([]byte(table))
	if err != nil || got != 121 {
		t.Errorf("want 121, got %v, %v", got, err)
	}
	for _, bad := range []string{"", "7 nanosleep\n", "many total\n"} {
		if got, err := parseCalls([]byte(bad)); err == nil {
			t.Errorf("%q: no error, and %v", bad, got)
		}
	}
}
