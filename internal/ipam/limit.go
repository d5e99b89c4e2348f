//go:build !shortlimit

package ipam

import "time"

const (
	// timeLimit is the maximum duration of one run of a plugin. It equals the time that kubelet waits for a
	// pod's sandbox (Kubernetes 1.34, cri-client/pkg/remote_runtime.go, RunPodSandbox), so that a plugin is
	// never terminated while kubelet still waits for it.
	timeLimit = 4 * time.Minute
	// gracePeriod is the time that a plugin has to end after a signal interrupted this process; the time
	// between SIGTERM and SIGKILL; and the time that processes left behind by the plugin have to close its
	// standard output. A plugin that is killed during ADD can leave a reservation that its own DEL does not
	// find (host-local: a file without owner).
	gracePeriod = 2 * time.Second
)
