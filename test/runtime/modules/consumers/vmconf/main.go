// Vmconf reads the result of a network from standard input, and prints what the Firecracker Go SDK makes of it: the
// tap, and the configuration of the VM's own interface.
//
//	vmconf CONTAINERID <RESULT
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/firecracker-microvm/firecracker-go-sdk/cni/vmconf"
)

func main() {
	if err := run(os.Args[1:], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "vmconf:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader) error {
	if len(args) != 1 {
		return errors.New("usage: vmconf CONTAINERID <RESULT")
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	result, err := create.CreateFromBytes(text)
	if err != nil {
		return fmt.Errorf("decode the result: %w", err)
	}
	conf, err := vmconf.StaticNetworkConfFrom(result, args[0])
	if err != nil {
		return err
	}
	fmt.Println("tap:", conf.TapName, "in", conf.NetNSPath)
	fmt.Println("MAC:", conf.VMMacAddr)
	fmt.Println("MTU:", conf.VMMTU)
	for _, route := range conf.VMRoutes {
		fmt.Println("route:", route.Dst.String())
	}
	fmt.Println("kernel:", "ip="+conf.IPBootParam())
	return nil
}
