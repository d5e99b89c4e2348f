// Confined is what a machine with SELinux needs beside the plugin, in one static
// file, for the machines of the tests have no SELinux programs:
//
//	confined load POLICY               the kernel's policy; mounts selinuxfs
//	confined label CONTEXT FILE...     chcon
//	confined run CONTEXT PROGRAM...    runcon: becomes the program
//	confined guest CONTEXT TAP         attaches to a tap as a VMM does, unprivileged, under the context
//
// An error is a line on standard error, and exit status 1.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	selinuxfs = "/sys/fs/selinux"
	tunPath   = "/dev/net/tun"
	vmm       = "/bin/vmm" // this program, by the name that audit lines tell
)

// Whom the tests' taps belong to.
const user, group = 64001, 64002

func main() {
	if err := perform(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "confined:", err)
		os.Exit(1)
	}
}

func perform(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: confined load|label|run|guest …")
	}
	switch command, subject, rest := args[0], args[1], args[2:]; {
	case command == "load":
		return load(subject)
	case command == "label":
		return label(subject, rest)
	case command == "run" && len(rest) > 0:
		return become(subject, rest, nil)
	case command == "guest" && len(rest) == 1:
		return become(subject, []string{vmm, "attach", rest[0]}, dropPrivilege)
	case command == "attach":
		return attach(subject)
	}
	return fmt.Errorf("cannot %q", args)
}

// load gives the kernel a policy, which it takes in a single write.
func load(policy string) error {
	err := unix.Mount("selinuxfs", selinuxfs, "selinuxfs", 0, "")
	if err != nil && !errors.Is(err, unix.EBUSY) { // a second policy replaces the first
		return fmt.Errorf("mount %s: %w", selinuxfs, err)
	}
	data, err := os.ReadFile(policy)
	if err != nil {
		return err
	}
	return write(selinuxfs+"/load", data)
}

// write does it in one write, without O_CREAT, for which a policy would be asked.
func write(path string, data []byte) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if _, err = unix.Write(fd, data); err != nil {
		err = fmt.Errorf("write %s: %w", path, err)
	}
	return errors.Join(err, unix.Close(fd))
}

func label(context string, files []string) error {
	for _, file := range files {
		if err := unix.Setxattr(file, "security.selinux", []byte(context+"\x00"), 0); err != nil {
			return fmt.Errorf("label %s: %w", file, err)
		}
	}
	return nil
}

// become executes a program under a context, after a last step. It returns only on failure.
func become(context string, program []string, before func() error) error {
	runtime.LockOSThread() // label and user are the thread's
	if err := write("/proc/thread-self/attr/exec", []byte(context)); err != nil {
		return fmt.Errorf("%s: %w", context, err)
	}
	if before != nil {
		if err := before(); err != nil {
			return err
		}
	}
	return fmt.Errorf("execute %s as %s: %w", program[0], context, unix.Exec(program[0], program, os.Environ()))
}

// dropPrivilege makes the thread an ordinary user's; that takes the capabilities, too.
func dropPrivilege() error {
	return errors.Join(unix.Setgroups(nil), unix.Setresgid(group, group, group), unix.Setresuid(user, user, user))
}

// attach opens two queues, and gives up and takes back the second one, as QEMU does
// when the guest's driver turns it off and on.
func attach(tap string) error {
	var queues [2]int
	for i := range queues {
		fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", tunPath, err)
		}
		if err := ioctl(fd, unix.TUNSETIFF, tap, unix.IFF_TAP|unix.IFF_NO_PI|unix.IFF_VNET_HDR|unix.IFF_MULTI_QUEUE); err != nil {
			return fmt.Errorf("queue %d: TUNSETIFF %s: %w", i, tap, err)
		}
		queues[i] = fd
	}
	for _, change := range []uint16{unix.IFF_DETACH_QUEUE, unix.IFF_ATTACH_QUEUE} {
		if err := ioctl(queues[1], unix.TUNSETQUEUE, "", change); err != nil {
			return fmt.Errorf("TUNSETQUEUE %#x: %w", change, err)
		}
	}
	current, err := os.ReadFile("/proc/self/attr/current")
	if err != nil {
		return err
	}
	fmt.Printf("attached %d queues as %s\n", len(queues), bytes.TrimRight(current, "\x00"))
	return nil
}

func ioctl(fd int, request uint, name string, flags uint16) error {
	req, err := unix.NewIfreq("none")
	if name != "" {
		req, err = unix.NewIfreq(name)
	}
	if err != nil {
		return err
	}
	req.SetUint16(flags)
	return unix.IoctlIfreq(fd, request, req)
}
