// Package plan describes the desired and the observed state of an attachment, and the difference between the
// two, in terms of the kernel: devices, qdiscs, hooks. It names no feature. It is pure: it reads and changes
// nothing.
package plan

import (
	"fmt"
	"net"

	"tap/internal/cni"
	"tap/internal/netdev"
)

// Role identifies a device of an attachment while its index is not known.
type Role int

// The devices of an attachment.
const (
	None      Role = iota
	Tap            // created by ADD
	Egress         // created by ADD beside the tap, to limit the egress of the guest
	Interface      // the pod's, created by an earlier plugin of the chain
)

// Desired is the desired state of an attachment, without addresses and routes: they depend on the result of
// the IPAM plugin.
type Desired struct {
	Devices map[Role]*Device
	Master  *netdev.Link // bridge of which the tap becomes a port; nil if not requested or missing
	Outlet  Role         // device at whose root qdisc the egress of the guest is limited; None if not chosen yet
}

// New returns a plan that has a tap without settings.
func New() *Desired { return &Desired{Devices: map[Role]*Device{Tap: {}}} }

// Device returns the device with role r and adds it to the plan if it is missing.
func (d *Desired) Device(r Role) *Device {
	if d.Devices[r] == nil {
		d.Devices[r] = &Device{}
	}
	return d.Devices[r]
}

// Device is the desired state of one device. A zero value keeps what the kernel chose.
type Device struct {
	netdev.Settings
	Name        string
	Kind        string              // IFLA_INFO_KIND of a device that is created beside the tap
	MasterName  string              // bridge as the configuration names it, possibly by an alternative name
	MTUFrom     string              // name of the device that has the same MTU
	IPv6Off     []netdev.IPv6Sysctl // set to 0 before the device comes up
	NoRedirects bool                // net.ipv4.conf.all.accept_redirects is set to 0
	TC          TC
	By          Need

	// Only for a tap.
	MultiQueue   bool
	Owner, Group *uint32 // nil if not restricted
	Label        string  // SELinux context; empty keeps the plugin's own
}

// Exposed reports whether another process can attach to the tap before its owner or group is set. Only a
// multi-queue tap has room for a second process, and without owner and group any process may attach to it
// anyway.
func (d *Device) Exposed() bool { return d.MultiQueue && (d.Owner != nil || d.Group != nil) }

// Need names the configuration key that requires something of a device, and the kind of the error if the
// kernel rejects it.
type Need struct {
	Key  string
	Kind cni.Kind
}

// UseRecorded replaces MAC and MTU by the values in the result of the chain, because later plugins record
// there what they changed. An empty or invalid MAC and an MTU of 0 are ignored.
func (d *Device) UseRecorded(mac string, mtu int) {
	if parsed, err := net.ParseMAC(mac); err == nil {
		d.MAC = parsed
	}
	if mtu != 0 {
		d.MTU = mtu
	}
}

// IDText formats the ID of a user or a group; nil is "none".
func IDText(id *uint32) string {
	if id == nil {
		return "none"
	}
	return fmt.Sprint(*id)
}
