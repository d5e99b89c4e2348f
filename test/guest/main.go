// Guest is a stand-in for a VM: it does at a pod's tap what QEMU or Firecracker do,
// without a VM. Tests and the demo run it as root; it gives all privilege away first.
//
//	guest run -netns PATH -tap NAME -user UID -group GID [-queues N] -mac MAC [-mtu N] -addr CIDR... [-gateway IP...]
//	guest attach -netns PATH -tap NAME -user UID -group GID [-queues N] [-hold]
//	guest intrude -netns PATH -tap NAME -user UID -group GID [-meddle]
//	guest exec -netns PATH -user UID -group GID PROGRAM [ARGUMENT...]
//
// -groups G1,G2 adds supplementary groups, -multi-queue sets IFF_MULTI_QUEUE also for one queue.
//
// Every command begins in the same way (privilege.go). As root it makes a mount
// namespace with a device node of its own, mode 0666, as a container has (the
// host's node is not touched), enters the pod's network namespace, gives away its
// user, groups and capabilities for good, and executes itself: the same process,
// now unprivileged from its first instruction. It checks that it is, and does
// what it was told. In a container, whose runtime has done all that, it begins
// there: guest unprivileged run -tap NAME -user UID …, without -netns.
//
//   - run (vmm.go) opens the tap by name, as a VMM does, and starts the machine: a
//     child in a new user and network namespace, which needs no privilege. The
//     machine (machine.go) makes a tap "eth0" there and copies frames, virtio-net
//     header and all, between the two devices, queue i to queue i (copy.go). The
//     network stack of the guest is so the kernel's own. Once it is up one line
//     tells the machine's process, in whose /proc/PID/ns/net any program may run:
//     {"pid": 4711, "queues": 4}. It ends with SIGTERM or SIGINT.
//   - attach (attach.go) opens the tap and tells {"attached": N}, or why it was refused. With
//     -hold it stays attached until SIGTERM, SIGINT or the end of stdin.
//   - intrude (intrude.go) attaches as fast as it can, whenever there is room
//     (with -meddle it changes all that it can of the device, and leaves at once),
//     until SIGTERM, SIGINT or the end of stdin; {"ready": true} is its first line, {"attached": N} its last.
//   - exec becomes another program, a real VMM for example.
//
// The machine dies with its VMM. The death signal (PR_SET_PDEATHSIG) that the caller
// set for the first process stays in force.
//
// Exit status: 0; 2, 4 or 5 where TUNSETIFF was refused with EPERM, EINVAL or
// EBUSY; 3 where the tap was deleted; 1 for all else.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// First arguments with which the program executes itself.
const (
	unprivileged = "unprivileged" // all privilege is gone
	insideVM     = "machine"      // in the namespaces of the machine
)

// The main goroutine stays on the first thread, which exists as long as the
// process: death signals are asked for and watched by threads.
func init() { runtime.LockOSThread() }

func main() { os.Exit(exitStatus(perform(os.Args[1:]))) }

func perform(args []string) error {
	var stage string
	if len(args) > 0 && (args[0] == unprivileged || args[0] == insideVM) {
		stage, args = args[0], args[1:]
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	switch stage {
	case "":
		return becomeUnprivileged(o, args)
	case insideVM:
		return machine(o)
	}
	if err := checkUnprivileged(o); err != nil {
		return err
	}
	switch o.command {
	case "attach":
		return report(o)
	case "intrude":
		return intrude(o)
	case "exec":
		return fmt.Errorf("execute %s: %w", o.program[0], unix.Exec(o.program[0], o.program, os.Environ()))
	}
	return vmm(o, args)
}

// exitStatus prints the error, unless the machine has already done so.
func exitStatus(err error) int {
	var machine *exec.ExitError
	if errors.As(err, &machine) && machine.ExitCode() > 0 {
		return machine.ExitCode()
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "guest:", err)
	var refused *refusal
	switch {
	case errors.Is(err, errGone):
		return 3
	case errors.As(err, &refused):
		return max(1, map[unix.Errno]int{unix.EPERM: 2, unix.EINVAL: 4, unix.EBUSY: 5}[refused.errno])
	}
	return 1
}
