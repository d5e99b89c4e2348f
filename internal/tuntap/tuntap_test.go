package tuntap

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// onNull is a File on a device whose driver knows none of our ioctls.
func onNull(t *testing.T) *File {
	t.Helper()
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := Inherited(fd)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestErrorsNameTheCall(t *testing.T) {
	f := onNull(t)
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

func TestCreateNameTooLongIsRefused(t *testing.T) {
	err := onNull(t).Create(Options{Name: "1234567890123456"})
	if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), `"1234567890123456"`) {
		t.Errorf("Create: a name must not be cut short\nwant %v, naming it\ngot  %v", unix.EINVAL, err)
	}
}

// A second Close must not close whatever has got the number meanwhile.
func TestCloseTwice(t *testing.T) {
	f := onNull(t)
	number := f.Fd()
	f.Close()
	other, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer Inherited(other).Close()
	if other != number {
		t.Fatalf("the kernel reuses the lowest number\nwant %d\ngot  %d", number, other)
	}
	f.Close()
	if _, err := unix.FcntlInt(uintptr(other), unix.F_GETFD, 0); err != nil {
		t.Errorf("another file of the same number\nwant it open\ngot  %v", err)
	}
}
