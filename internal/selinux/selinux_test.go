package selinux

import (
	"errors"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tap/internal/tuntap"
)

func ptr[T any](v T) *T { return &v }

func TestChildOptionsFromChildArgs(t *testing.T) {
	ids := map[string]*uint32{"none": nil, "root": ptr(uint32(0)), "user": ptr(uint32(1000)), "largest": ptr(uint32(4294967294))}
	for ownerName, owner := range ids {
		for groupName, group := range ids {
			for _, multiQueue := range []bool{false, true} {
				t.Run(ownerName+"/"+groupName+"/"+strconv.FormatBool(multiQueue), func(t *testing.T) {
					want := tuntap.Options{Name: "net1", MultiQueue: multiQueue, Owner: owner, Group: group}
					args := append([]string{"/proc/self/exe"}, childArgs(want)...)
					if !IsChild(args) {
						t.Fatalf("IsChild(%q)\nwant true\ngot  false", args)
					}
					got, err := childOptions(args[2:])
					if err != nil || !reflect.DeepEqual(got, want) {
						t.Errorf("childOptions\nwant %+v\ngot  %+v, %v", want, got, err)
					}
				})
			}
		}
	}
}

func TestIsChild(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want bool
	}{
		{"call of a runtime", []string{"tap"}, false},
		{"no arguments", nil, false},
		{"child", []string{"tap", childCommand, "net1", "false", "", ""}, true},
		{"one argument too few", []string{"tap", childCommand, "net1", "false", ""}, false},
		{"one argument too many", []string{"tap", childCommand, "net1", "false", "", "", ""}, false},
		{"other command", []string{"tap", "version", "net1", "false", "", ""}, false},
		{"command in the wrong position", []string{childCommand, "tap", "net1", "false", "", ""}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := IsChild(tt.args); got != tt.want {
				t.Errorf("IsChild(%q)\nwant %v\ngot  %v", tt.args, tt.want, got)
			}
		})
	}
}

func TestChildInvalidOptionsRefused(t *testing.T) {
	tests := []struct {
		name string
		args []string
	}{
		{"multiQueue is not a bool", []string{"net1", "maybe", "", ""}},
		{"owner is a name", []string{"net1", "true", "qemu", ""}},
		{"owner is negative", []string{"net1", "true", "-1", ""}},
		{"group wraps to root", []string{"net1", "true", "", "4294967296"}},
		{"group is hexadecimal", []string{"net1", "true", "", "0x10"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := childOptions(tt.args); err == nil {
				t.Errorf("childOptions(%q)\nwant an error\ngot  %+v", tt.args, got)
			}
			if got := Child(append([]string{"tap", childCommand}, tt.args...)); got != int(unix.EINVAL) {
				t.Errorf("exit status of the child\nwant %d\ngot  %d", unix.EINVAL, got)
			}
		})
	}
}

// The standard error of the child may be lost, so its exit status is the errno.
func TestChildErrorFromExitStatus(t *testing.T) {
	null, err := os.Open(os.DevNull) // a file without an attached device
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	tun := tuntap.NewFile(int(null.Fd()))
	tests := []struct {
		name  string
		errno unix.Errno
		cause error // in the chain
	}{
		{"denied", unix.EACCES, ErrLabel},
		{"capability denied", unix.EPERM, ErrLabel},
		{"device replaced", unix.ENOTTY, ErrLabel},
		{"name taken", unix.EBUSY, tuntap.ErrExists},
		{"largest errno of the ioctls of a tap", unix.EBADFD, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			exit := exec.Command("sh", "-c", "exit "+strconv.Itoa(int(tt.errno))).Run()
			got := childError(exit, tun, "a:b:c:s0")
			if !errors.Is(got, tt.errno) || !strings.Contains(got.Error(), `"a:b:c:s0"`) {
				t.Errorf("childError\nwant %v in the chain, and the label\ngot  %v", tt.errno, got)
			}
			for _, cause := range []error{ErrLabel, tuntap.ErrExists} {
				if is, want := errors.Is(got, cause), errors.Is(tt.cause, cause); is != want {
					t.Errorf("%v in the chain of %v\nwant %v\ngot  %v", cause, got, want, is)
				}
			}
		})
	}
}

// If execve fails too late to return an error, the kernel kills the child.
func TestChildErrorFileNotMappable(t *testing.T) {
	ended := exec.Command("sh", "-c", "kill -SEGV $$").Run()
	if got := childError(ended, tuntap.NewFile(-1), "a:b:c:s0"); !errors.Is(got, ErrLabel) || !errors.Is(got, ended) {
		t.Errorf("childError\nwant %v and %v in the chain\ngot  %v", ErrLabel, ended, got)
	}
}

func TestChildErrorWithoutExitStatus(t *testing.T) {
	killed := exec.Command("sh", "-c", "kill -9 $$").Run()
	cause := errors.New("because")
	for name, err := range map[string]error{"no error": nil, "killed": killed, "not started": cause} {
		t.Run(name, func(t *testing.T) {
			if got := childError(err, tuntap.NewFile(-1), "a:b:c:s0"); !errors.Is(got, err) || errors.Is(got, ErrLabel) {
				t.Errorf("childError\nwant %v\ngot  %v", err, got)
			}
		})
	}
}
