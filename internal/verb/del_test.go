package verb

import (
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"tap/internal/netns"
)

func TestNoSandbox(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"there", nil, false},
		{"no such path", fs.ErrNotExist, true},
		{"no such path, as an errno", syscall.ENOENT, true},
		{"below a file", syscall.ENOTDIR, true},
		{"plain file", netns.ErrNotNamespace, true},
		{"links in a circle", syscall.ELOOP, true},
		{"a socket", syscall.ENXIO, true},
		{"our own", netns.ErrOwn, false},
		{"forbidden", syscall.EACCES, false},
		{"too many files", syscall.EMFILE, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.err
			if err != nil {
				err = fmt.Errorf("open: %w", err)
			}
			if got := isMissingNetns(err); got != tt.want {
				t.Errorf("isMissingNetns(%v)\nwant %v\ngot  %v", err, tt.want, got)
			}
		})
	}
}
