//go:build !shortlimit

package ipam

import "time"

const (
	// timeLimit is what one run of a plugin may take: as long as kubelet waits for a pod's
	// sandbox (Kubernetes 1.34, cri-client/pkg/remote_runtime.go, RunPodSandbox), so that
	// it is not we who end what somebody still waits for.
	timeLimit = 4 * time.Minute
	// graceTime is what a plugin has to end by itself once a signal has told us to; then, told to end, before it is killed; and what processes that it left
	// behind have to close its standard output. Killed in the middle it could leave
	// a reservation that even its own DEL does not find (host-local: a file without owner).
	graceTime = 2 * time.Second
)
