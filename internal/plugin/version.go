package plugin

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"
)

// printVersions answers VERSION (CNI specification 1.1, section 2). Its cniVersion is
// that of the question on standard input, not the latest.
func printVersions(stdin *os.File) error {
	answer, err := json.Marshal(struct {
		CNIVersion        string   `json:"cniVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	}{askedVersion(stdin), version.All.SupportedVersions()})
	if err != nil {
		return fmt.Errorf("encode the versions: %w", err)
	}
	return write(Stdout, append(answer, '\n'))
}

// askedVersion waits a moment only: people run VERSION without any input.
func askedVersion(stdin *os.File) string {
	const patience = time.Second
	var asked struct {
		CNIVersion string `json:"cniVersion"`
	}
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(stdin.Fd()), Events: unix.POLLIN}}, int(patience.Milliseconds()))
	if err == nil && ready == 1 {
		err = json.NewDecoder(stdin).Decode(&asked)
	}
	if err != nil || asked.CNIVersion == "" { // nobody asked for one
		return version.Current()
	}
	return asked.CNIVersion
}
