// Command vmconf has the SDK of Firecracker read a CNI result on standard input, and
// prints what it takes from there to be the network of the VM of that container ID.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/firecracker-microvm/firecracker-go-sdk/cni/vmconf"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "vmconf:", err)
		os.Exit(1)
	}
}

func run(containerID string) error {
	data, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var told types.NetConf
	if err := json.Unmarshal(data, &told); err != nil {
		return err
	}
	result, err := create.Create(told.CNIVersion, data)
	if err != nil {
		return err
	}
	conf, err := vmconf.StaticNetworkConfFrom(result, containerID)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(conf)
}
