// Gocni attaches a pod as containerd does, with its library go-cni, to the networks of /etc/cni/net.d, and prints what
// the library makes of their results: eth0 is the first network's, eth1 the second's.
//
//	gocni add|check|del ID NETNS
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	gocni "github.com/containerd/go-cni"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gocni:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("usage: gocni add|check|del ID NETNS")
	}
	verb, id, netns := args[0], args[1], args[2]
	cni, err := gocni.New()
	if err != nil {
		return err
	}
	if err := cni.Load(gocni.WithAllConf); err != nil {
		return err
	}
	switch verb {
	case "add":
		result, err := cni.Setup(ctx, id, netns)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(result.Interfaces)
	case "check":
		return cni.Check(ctx, id, netns)
	case "del":
		return cni.Remove(ctx, id, netns)
	}
	return fmt.Errorf("verb %q: add, check or del", verb)
}
