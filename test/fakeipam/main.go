// Command fake is an IPAM plugin that does, or fails to do, what the "ipam"
// object of its configuration tells it. It keeps its reservations and a record of
// its calls in a folder, so that tests can look at both.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// config is the "ipam" object.
type config struct {
	Store string `json:"store"` // folder of reservations and calls

	IPs    json.RawMessage `json:"ips"`    // for the result
	Routes json.RawMessage `json:"routes"` // for the result
	DNS    json.RawMessage `json:"dns"`    // for the result

	Fail    map[string]json.RawMessage `json:"fail"`    // verb: error object to print
	Raw     map[string]string          `json:"raw"`     // verb: text to print instead of the result
	Exit    map[string]int             `json:"exit"`    // verb: exit status
	Hang    map[string]bool            `json:"hang"`    // verb: never ends by itself
	DelayMS map[string]int             `json:"delayMs"` // verb: time it takes
	Wait    map[string]string          `json:"wait"`    // verb: a file; it waits until that is there
	Note    string                     `json:"note"`    // a line for standard error
}

// call is what the plugin was given, recorded as a line of <store>/calls.
type call struct {
	Verb, ContainerID, IfName, Netns, Args, Path string
	Stdin                                        json.RawMessage
	NetnsInode                                   string // of the namespace that the plugin itself runs in
	ExecLabel                                    string // /proc/self/attr/exec
	Label                                        string // /proc/self/attr/current
	Descriptors                                  []string
	Pid, Parent                                  int
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(70)
	}
}

func run() error {
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var conf struct {
		CNIVersion string `json:"cniVersion"`
		IPAM       config `json:"ipam"`
	}
	if err := json.Unmarshal(stdin, &conf); err != nil {
		return err
	}
	ipam, verb := conf.IPAM, os.Getenv("CNI_COMMAND")
	if ipam.Store == "" {
		return errors.New(`"store" is missing`)
	}
	if err := record(ipam.Store, verb, stdin); err != nil {
		return err
	}
	if ipam.Note != "" {
		fmt.Fprintln(os.Stderr, ipam.Note)
	}
	time.Sleep(time.Duration(ipam.DelayMS[verb]) * time.Millisecond)
	if path := ipam.Wait[verb]; path != "" {
		awaitFile(path)
	}
	if ipam.Hang[verb] {
		time.Sleep(time.Hour)
	}
	if object, ok := ipam.Fail[verb]; ok {
		fmt.Fprintf(os.Stdout, "%s", object)
		os.Exit(1)
	}
	if err := act(ipam, verb); err != nil {
		return err
	}
	if text, ok := ipam.Raw[verb]; ok {
		fmt.Fprint(os.Stdout, text)
	} else if verb == "ADD" {
		if err := printResult(conf.CNIVersion, ipam); err != nil {
			return err
		}
	}
	if status, ok := ipam.Exit[verb]; ok {
		if status < 0 {
			return syscall.Kill(os.Getpid(), syscall.Signal(-status))
		}
		os.Exit(status)
	}
	return nil
}

// awaitFile gives up some time: who should have made the file may have been killed.
func awaitFile(path string) {
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
}

// act keeps the reservation; ADD is idempotent.
func act(ipam config, verb string) error {
	path := filepath.Join(ipam.Store, "fake-"+os.Getenv("CNI_CONTAINERID")+"-"+os.Getenv("CNI_IFNAME"))
	switch verb {
	case "ADD":
		return os.WriteFile(path, []byte("reserved"), 0o600)
	case "DEL":
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	case "CHECK":
		_, err := os.Stat(path)
		return err
	}
	return nil
}

func printResult(version string, ipam config) error {
	ips := ipam.IPs
	if ips == nil {
		ips = json.RawMessage(`[{"address": "192.0.2.2/24", "gateway": "192.0.2.1", "version": "4"}]`)
	}
	result := map[string]any{"cniVersion": version, "ips": ips}
	if ipam.Routes != nil {
		result["routes"] = ipam.Routes
	}
	if ipam.DNS != nil {
		result["dns"] = ipam.DNS
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func record(store, verb string, stdin []byte) error {
	netns, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	c := call{
		Verb: verb, ContainerID: os.Getenv("CNI_CONTAINERID"), IfName: os.Getenv("CNI_IFNAME"),
		Netns: os.Getenv("CNI_NETNS"), Args: os.Getenv("CNI_ARGS"), Path: os.Getenv("CNI_PATH"),
		Stdin: stdin, NetnsInode: netns, ExecLabel: label("exec"), Label: label("current"), Pid: os.Getpid(), Parent: os.Getppid(),
	}
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil { // the folder's own descriptor is closed by now
			c.Descriptors = append(c.Descriptors, target)
		}
	}
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(store, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(line, '\n'))
	return err
}

// label is one of the process's; a kernel without LSM has nothing but an error to tell.
func label(which string) string {
	text, err := os.ReadFile("/proc/self/attr/" + which)
	if err != nil {
		return err.Error()
	}
	return strings.TrimRight(string(text), "\x00\n")
}
