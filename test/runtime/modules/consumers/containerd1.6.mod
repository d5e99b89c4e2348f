// The module again, for gocni with the library of containerd 1.6.
module tap/test/runtime/modules/consumers

go 1.25.0

require github.com/containerd/go-cni v1.1.6

require github.com/containernetworking/cni v1.1.1 // indirect
