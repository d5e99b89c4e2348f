// Cri asks containerd what a kubelet asks, by the CRI. Its commands are some of those of crictl:
//
//	cri info          tells whether the runtime and the network are ready; exit status 1: the network is not
//	cri runp FILE     runs a pod of the configuration in a JSON file, and prints its ID
//	cri pods          lists the pods: name, state, IP addresses
//	cri inspectp POD  prints the CNI result of a pod
//	cri stopp POD     stops it
//	cri rmp POD       removes it
//
// POD is the name of the pod.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const socket = "unix:///run/containerd/containerd.sock"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cri:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	connection, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := client{ctx, cri.NewRuntimeServiceClient(connection)}
	switch {
	case len(args) == 1 && args[0] == "info":
		return c.info()
	case len(args) == 1 && args[0] == "pods":
		return c.pods()
	case len(args) == 2 && args[0] == "runp":
		return c.runPod(args[1])
	case len(args) == 2:
		return c.withPod(args[0], args[1])
	}
	return errors.New("usage: cri info | pods | runp FILE | inspectp POD | stopp POD | rmp POD")
}

type client struct {
	ctx     context.Context
	runtime cri.RuntimeServiceClient
}

func (c client) info() error {
	answer, err := c.runtime.Status(c.ctx, &cri.StatusRequest{})
	if err != nil {
		return err
	}
	var network error
	for _, condition := range answer.Status.Conditions {
		fmt.Println(condition.Type, condition.Status, condition.Reason, condition.Message)
		if condition.Type == cri.NetworkReady && !condition.Status {
			network = errors.New("the network is not ready")
		}
	}
	return network
}

func (c client) runPod(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var config cri.PodSandboxConfig
	if err := protojson.Unmarshal(data, &config); err != nil {
		return err
	}
	answer, err := c.runtime.RunPodSandbox(c.ctx, &cri.RunPodSandboxRequest{Config: &config})
	if err == nil {
		fmt.Println(answer.PodSandboxId)
	}
	return err
}

func (c client) pods() error {
	list, err := c.runtime.ListPodSandbox(c.ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, pod := range list.Items {
		answer, err := c.runtime.PodSandboxStatus(c.ctx, &cri.PodSandboxStatusRequest{PodSandboxId: pod.Id})
		if err != nil {
			return err
		}
		fields := []string{pod.Metadata.Name, pod.State.String()}
		if network := answer.Status.Network; network != nil {
			fields = append(fields, network.Ip)
			for _, ip := range network.AdditionalIps {
				fields = append(fields, ip.Ip)
			}
		}
		fmt.Println(strings.Join(fields, " "))
	}
	return nil
}

func (c client) withPod(command, name string) error {
	list, err := c.runtime.ListPodSandbox(c.ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, pod := range list.Items {
		if pod.Metadata.Name != name {
			continue
		}
		switch command {
		case "inspectp":
			return c.inspect(pod.Id)
		case "stopp":
			_, err = c.runtime.StopPodSandbox(c.ctx, &cri.StopPodSandboxRequest{PodSandboxId: pod.Id})
		case "rmp":
			_, err = c.runtime.RemovePodSandbox(c.ctx, &cri.RemovePodSandboxRequest{PodSandboxId: pod.Id})
		default:
			err = fmt.Errorf("command %q", command)
		}
		return err
	}
	return fmt.Errorf("there is no pod %q", name)
}

func (c client) inspect(id string) error {
	answer, err := c.runtime.PodSandboxStatus(c.ctx, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if err != nil {
		return err
	}
	var info struct {
		CNIResult json.RawMessage `json:"cniResult"`
	}
	if err := json.Unmarshal([]byte(answer.Info["info"]), &info); err != nil {
		return err
	}
	text, err := json.MarshalIndent(info.CNIResult, "", "  ")
	fmt.Println(string(text))
	return err
}
