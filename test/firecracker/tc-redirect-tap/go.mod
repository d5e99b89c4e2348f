module tap/test/firecracker/tc-redirect-tap

go 1.25.0

tool github.com/awslabs/tc-redirect-tap/cmd/tc-redirect-tap

require github.com/awslabs/tc-redirect-tap v0.0.0-20200708224642-a0300978797d // indirect

require (
	github.com/containernetworking/cni v0.7.1 // indirect
	github.com/containernetworking/plugins v0.8.6 // indirect
	github.com/hashicorp/errwrap v1.0.0 // indirect
	github.com/hashicorp/go-multierror v1.1.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/vishvananda/netlink v0.0.0-20181108222139-023a6dafdcdf // indirect
	github.com/vishvananda/netns v0.0.0-20180720170159-13995c7128cc // indirect
	golang.org/x/sys v0.0.0-20190616124812-15dcb6c0061f // indirect
)
