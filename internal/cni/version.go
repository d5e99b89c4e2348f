package cni

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"
)

// printVersions answers VERSION (CNI specification 1.1, section 2). The cniVersion of the answer is the one
// in the request on standard input, not the latest.
func printVersions(stdin *os.File) error {
	answer, err := json.Marshal(struct {
		CNIVersion        string   `json:"cniVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	}{requestedVersion(stdin), version.All.SupportedVersions()})
	if err != nil {
		return fmt.Errorf("encode the versions: %w", err)
	}
	return Write(Stdout, append(answer, '\n'))
}

// requestedVersion returns the cniVersion of the request, or the latest if there is none. It waits at most a
// second, because operators run VERSION without input or with a truncated request.
func requestedVersion(stdin *os.File) string {
	var request struct {
		CNIVersion string `json:"cniVersion"`
	}
	if err := json.Unmarshal(readJSON(time.Second, stdin), &request); err != nil || request.CNIVersion == "" {
		return version.Current()
	}
	return request.CNIVersion
}

// readJSON reads until the end of the input, the end of a JSON value, or the timeout.
func readJSON(timeout time.Duration, stdin *os.File) []byte {
	var request []byte
	deadline := time.Now().Add(timeout)
	for part := make([]byte, 4096); !json.Valid(request); {
		left := max(0, int(time.Until(deadline).Milliseconds()))
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(stdin.Fd()), Events: unix.POLLIN}}, left)
		if err != nil || ready == 0 {
			break
		}
		n, err := stdin.Read(part)
		request = append(request, part[:n]...)
		if err != nil {
			break // end of input, or a read error
		}
	}
	return request
}
