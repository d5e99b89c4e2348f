// Microvm starts a VM by the Firecracker Go SDK, with another program in Firecracker's place. The SDK makes the VM's
// network namespace, attaches it to a network of /etc/cni/conf.d and reads the result; when the program ends it undoes
// all that. CNI_ARGS in the environment are for the plugins.
//
//	microvm NETWORK ID PROGRAM [ARGUMENT...]
//
// The program finds in its environment what Firecracker would be told: NETNS, in which it should run, TAP, MAC,
// ADDRESS, GATEWAY and BOOT, the guest kernel's command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/firecracker-microvm/firecracker-go-sdk"
)

// errEnded makes the SDK clean up, as after a VM.
var errEnded = errors.New("the VM has ended")

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: microvm NETWORK ID PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3:])
	if !errors.Is(err, errEnded) {
		fmt.Fprintln(os.Stderr, "microvm:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, network, id string, program []string) error {
	machine, err := firecracker.NewMachine(ctx, firecracker.Config{
		VMID: id,
		NetworkInterfaces: firecracker.NetworkInterfaces{{
			CNIConfiguration: &firecracker.CNIConfiguration{NetworkName: network, IfName: "eth0", Args: cniArgs()},
		}},
	})
	if err != nil {
		return err
	}
	machine.Handlers.Validation = firecracker.HandlerList{}.Append(firecracker.NetworkConfigValidationHandler)
	machine.Handlers.FcInit = firecracker.HandlerList{}.Append(
		firecracker.SetupNetworkHandler,
		firecracker.SetupKernelArgsHandler,
		firecracker.Handler{Name: "program", Fn: func(ctx context.Context, m *firecracker.Machine) error {
			if err := execute(ctx, m.Cfg, program); err != nil {
				return err
			}
			return errEnded
		}},
	)
	return machine.Start(ctx)
}

func cniArgs() [][2]string {
	var args [][2]string
	for _, pair := range strings.Split(os.Getenv("CNI_ARGS"), ";") {
		if key, value, found := strings.Cut(pair, "="); found {
			args = append(args, [2]string{key, value})
		}
	}
	return args
}

func execute(ctx context.Context, vm firecracker.Config, program []string) error {
	conf := vm.NetworkInterfaces[0].StaticConfiguration
	cmd := exec.CommandContext(ctx, program[0], program[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(),
		"NETNS="+vm.NetNS,
		"TAP="+conf.HostDevName,
		"MAC="+conf.MacAddress,
		"ADDRESS="+conf.IPConfiguration.IPAddr.String(),
		"GATEWAY="+conf.IPConfiguration.Gateway.String(),
		"BOOT="+vm.KernelArgs,
	)
	return cmd.Run()
}
