package verb

import (
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tap/internal/cni"
	"tap/internal/plan"
)

// Another plugin of the chain may have changed what a result does not record. That is a line
// on standard error, and no error. (TestNoticeableChanges of package feature tells which changes.)
func TestNoticeChanges(t *testing.T) {
	tests := []struct {
		name        string
		differences []plan.Difference
		want        string
	}{
		{"nothing changed", nil, ""},
		{"MTU", []plan.Difference{{What: "MTU", Expected: "1400", Found: "1300", Tolerated: true}}, "MTU changed from 1400 to 1300"},
		{"queue length", []plan.Difference{{What: "txQueueLen", Expected: "500", Found: "1000", Tolerated: true}}, "txQueueLen changed from 500 to 1000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := stderrOf(t, func() {
				if err := report("net1", tt.differences); err != nil {
					t.Errorf("report\nwant no error\ngot  %v", err)
				}
			})
			if tt.want == "" {
				if got != "" {
					t.Errorf("standard error\nwant nothing\ngot  %s", got)
				}
				return
			}
			if !strings.HasPrefix(got, `tap: tap "net1": `) || !strings.Contains(got, tt.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("standard error\nwant one line: …%s\ngot  %s", tt.want, got)
			}
		})
	}
}

func TestNoticeBesideAnError(t *testing.T) {
	var err error
	got := stderrOf(t, func() {
		err = report("net1", []plan.Difference{{What: "MTU", Expected: "1400", Found: "1300", Tolerated: true}, {What: "up", Expected: "true", Found: "false"}})
	})
	if want := `tap "net1" does not match its configuration: up: expected true, found false`; err == nil || err.Error() != want {
		t.Errorf("report\nwant %s\ngot  %v", want, err)
	}
	if want := "tap: tap \"net1\": MTU changed from 1400 to 1300\n"; got != want {
		t.Errorf("standard error\nwant %q\ngot  %q", want, got)
	}
}

// stderrOf returns what f writes to standard error.
func stderrOf(t *testing.T, f func()) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	stderr, err := unix.Dup(int(cni.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	redirect := func(fd int) {
		t.Helper()
		if err := unix.Dup3(fd, int(cni.Stderr), 0); err != nil {
			t.Fatal(err)
		}
	}
	redirect(int(write.Fd()))
	f()
	redirect(stderr)
	unix.Close(stderr) //nolint:errcheck // a copy
	write.Close()
	text, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
