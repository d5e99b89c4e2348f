package tuntap

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newNullFile returns a File for /dev/null, whose driver supports none of the ioctls.
func newNullFile(t *testing.T) *File {
	t.Helper()
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFile(fd)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestErrorsNameIoctl(t *testing.T) {
	f := newNullFile(t)
	_, nameErr := f.Name()
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"Create", f.Create(Options{Name: "net1"}), "TUNSETIFF"},
		{"Name", nameErr, "TUNGETIFF"},
		{"Persist", f.Persist(), "TUNSETPERSIST"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !errors.Is(tt.err, unix.ENOTTY) || !strings.Contains(tt.err.Error(), tt.want) {
				t.Errorf("error\nwant %s: %v\ngot  %v", tt.want, unix.ENOTTY, tt.err)
			}
		})
	}
}

func TestCreateNameTooLong(t *testing.T) {
	err := newNullFile(t).Create(Options{Name: "1234567890123456"})
	if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), `"1234567890123456"`) {
		t.Errorf("Create of a name of 16 bytes\nwant %v with the name\ngot  %v", unix.EINVAL, err)
	}
}

// A second Close must not close another file that has the same descriptor number.
func TestCloseTwice(t *testing.T) {
	f := newNullFile(t)
	number := f.Fd()
	f.Close()
	other, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer NewFile(other).Close()
	if other != number {
		t.Fatalf("lowest free descriptor\nwant %d\ngot  %d", number, other)
	}
	f.Close()
	if _, err := unix.FcntlInt(uintptr(other), unix.F_GETFD, 0); err != nil {
		t.Errorf("other file with the same descriptor\nwant it open\ngot  %v", err)
	}
}
