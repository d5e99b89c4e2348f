package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// vmm attaches to the tap and runs the machine behind it, until a signal or the
// machine's end.
func vmm(o *options, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	queues, err := attachAll(o.tap, o)
	if err != nil {
		return err
	}
	if err := queues[0].negotiate(); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{insideVM}, args...)...)
	cmd.Args[0] = "guest"
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = newNamespaces(o)
	for _, q := range queues {
		cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(uintptr(q.fd), tunPath))
	}
	err = cmd.Start()
	if err == nil {
		for _, file := range cmd.ExtraFiles {
			file.Close() // the queues are the machine's now
		}
		err = cmd.Wait()
	}
	if err != nil && ctx.Err() == nil { // otherwise a signal said so
		return fmt.Errorf("run the machine in a new user namespace: %w", err)
	}
	return nil
}

// newNamespaces makes the machine root in a user namespace of its own. Only who
// has CAP_SETFCAP may map the host's root into one (user_namespaces(7)): of user 0
// the machine has the capability that it needs, and no name.
func newNamespaces(o *options) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
	}
	if o.user == 0 {
		attr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN}
		return attr
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: o.user, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: o.group, Size: 1}}
	return attr
}
