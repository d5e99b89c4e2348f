package cni

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
	return Write(Stdout, append(answer, '\n'))
}

// askedVersion is the cniVersion of the question. It waits a moment only: people run
// VERSION without any input, or with half of one.
func askedVersion(stdin *os.File) string {
	var asked struct {
		CNIVersion string `json:"cniVersion"`
	}
	if err := json.Unmarshal(readFor(time.Second, stdin), &asked); err != nil || asked.CNIVersion == "" {
		return version.Current() // nobody asked for one
	}
	return asked.CNIVersion
}

// readFor reads until the end, a whole JSON value, or until the time is over.
func readFor(patience time.Duration, stdin *os.File) []byte {
	var question []byte
	deadline := time.Now().Add(patience)
	for part := make([]byte, 4096); !json.Valid(question); {
		left := max(0, int(time.Until(deadline).Milliseconds()))
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(stdin.Fd()), Events: unix.POLLIN}}, left)
		if err != nil || ready == 0 {
			break
		}
		n, err := stdin.Read(part)
		question = append(question, part[:n]...)
		if err != nil {
			break // the end, or nothing more to be had
		}
	}
	return question
}
