// Package tuntap creates tap devices with the ioctls of /dev/net/tun
// (Linux Documentation/networking/tuntap.rst). It does not depend on CNI or netlink.
package tuntap

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// Path is the device node of the tun driver.
const Path = "/dev/net/tun"

// Errors that callers test for with errors.Is.
var (
	// ErrExists reports that another interface already has the name.
	ErrExists = errors.New("name already in use")
	// ErrNoDriver reports that /dev/net/tun does not exist or has no driver.
	ErrNoDriver = errors.New("tun driver not available")
	// ErrUnsupported reports that the driver is too old.
	ErrUnsupported = errors.New("not supported by the tun driver")
)

// File is an open /dev/net/tun. A device that it creates belongs to the network namespace in which
// the File was opened. The kernel deletes the device when the File is closed, unless
// [File.Persist] was called.
type File struct{ fd int }

// Open opens /dev/net/tun in the network namespace of the calling thread.
func Open() (*File, error) {
	f := &File{}
	err := eintr.Retry(func() error {
		var err error
		f.fd, err = unix.Open(Path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		return err
	})
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("open %s: %w: %w", Path, err, ErrNoDriver)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", Path, err)
	}
	return f, nil
}

// CheckFeatures checks that the driver supports the flags that Create uses (TUNGETFEATURES). The
// error wraps ErrUnsupported if a flag is missing.
func (f *File) CheckFeatures(multiQueue bool) error {
	var features int
	err := eintr.Retry(func() error {
		var err error
		features, err = unix.IoctlGetInt(f.fd, unix.TUNGETFEATURES)
		return err
	})
	switch {
	case errors.Is(err, unix.ENOTTY): // not the tun driver: another device or a regular file
		return fmt.Errorf("%s: TUNGETFEATURES: %w: %w", Path, err, ErrNoDriver)
	case err != nil:
		return fmt.Errorf("TUNGETFEATURES: %w", err)
	}
	needed := flags(multiQueue) &^ unix.IFF_TUN_EXCL // TUNGETFEATURES does not report it
	if missing := int(needed) &^ features; missing != 0 {
		return fmt.Errorf("TUNGETFEATURES: flags %#x: %w", missing, ErrUnsupported)
	}
	return nil
}

// flags returns the flags of a new device. VMMs use IFF_NO_PI and IFF_VNET_HDR; a process that
// attaches later sets its own flags.
func flags(multiQueue bool) uint16 {
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
	if multiQueue {
		flags |= unix.IFF_MULTI_QUEUE
	}
	return flags
}

// NewFile returns a File for a descriptor that another process opened.
func NewFile(fd int) *File { return &File{fd: fd} }

// Fd returns the descriptor. It is valid until Close.
func (f *File) Fd() int { return f.fd }

// Options describes a new device.
type Options struct {
	Name       string  // final name, at most 15 bytes
	MultiQueue bool    // IFF_MULTI_QUEUE: a process that attaches must use the same flag
	Owner      *uint32 // user that may attach, an ID in the caller's user namespace; nil: not restricted to a user
	Group      *uint32 // group that may attach; nil: not restricted to a group
}

// Create creates the device, and sets its owner and group with the next two calls. In between, any
// process that can open /dev/net/tun in the namespace may attach to a multi-queue tap. (A
// single-queue tap does not accept a second queue.)
//
// The error wraps ErrExists if the name is already in use, and unix.EPERM without CAP_NET_ADMIN in
// the user namespace that owns the network namespace. After an error the device may exist until
// Close. Source: Linux 6.12, drivers/net/tun.c, tun_set_iff.
func (f *File) Create(o Options) error {
	req, err := unix.NewIfreq(o.Name)
	if err != nil {
		return fmt.Errorf("name %q: %w", o.Name, err)
	}
	req.SetUint16(flags(o.MultiQueue))
	err = eintr.Retry(func() error { return unix.IoctlIfreq(f.fd, unix.TUNSETIFF, req) })
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("TUNSETIFF: %w: %w", ErrExists, err)
	}
	if err != nil {
		return fmt.Errorf("TUNSETIFF: %w", err)
	}
	if o.Owner != nil {
		if err := f.set(unix.TUNSETOWNER, int(*o.Owner)); err != nil {
			return fmt.Errorf("TUNSETOWNER %d: %w", *o.Owner, err)
		}
	}
	if o.Group != nil {
		if err := f.set(unix.TUNSETGROUP, int(*o.Group)); err != nil {
			return fmt.Errorf("TUNSETGROUP %d: %w", *o.Group, err)
		}
	}
	if name := req.Name(); name != o.Name {
		return fmt.Errorf("TUNSETIFF: requested name %q, got %q", o.Name, name)
	}
	return nil
}

// Reset resets the device to its initial state: all settings that an attached process can change
// for other processes and that [File.Create] does not set. The device must be down, and no other
// process may be attached. Reset ignores a setting that the kernel does not support (unix.EINVAL),
// because no process can have changed it.
// Source: Linux 6.18, drivers/net/tun.c, __tun_chr_ioctl.
func (f *File) Reset() error {
	const (
		noProgram    = -1
		vnetHdrSize  = 10 // sizeof(struct virtio_net_hdr)
		acceptNoAddr = 0  // struct tun_filter without addresses: no filter
	)
	pointer := func(request uint, value int) func() error {
		return func() error { return unix.IoctlSetPointerInt(f.fd, request, value) }
	}
	for _, setting := range []struct {
		name  string
		reset func() error
	}{
		{"TUNSETLINK", func() error { return unix.IoctlSetInt(f.fd, unix.TUNSETLINK, unix.ARPHRD_ETHER) }},
		{"TUNDETACHFILTER", func() error { return unix.IoctlSetInt(f.fd, unix.TUNDETACHFILTER, 0) }},
		{"TUNSETTXFILTER", pointer(unix.TUNSETTXFILTER, acceptNoAddr)},
		{"TUNSETSTEERINGEBPF", pointer(unix.TUNSETSTEERINGEBPF, noProgram)},
		{"TUNSETFILTEREBPF", pointer(unix.TUNSETFILTEREBPF, noProgram)},
		{"TUNSETOFFLOAD", func() error { return unix.IoctlSetInt(f.fd, unix.TUNSETOFFLOAD, 0) }},
		{"TUNSETVNETHDRSZ", pointer(unix.TUNSETVNETHDRSZ, vnetHdrSize)},
		{"TUNSETVNETLE", pointer(unix.TUNSETVNETLE, 0)},
		{"TUNSETVNETBE", pointer(unix.TUNSETVNETBE, 0)},
		{"TUNSETSNDBUF", pointer(unix.TUNSETSNDBUF, math.MaxInt32)},
		{"TUNSETCARRIER", pointer(unix.TUNSETCARRIER, 1)},
	} {
		if err := eintr.Retry(setting.reset); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("%s: %w", setting.name, err)
		}
	}
	return nil
}

// Name returns the name of the device that is attached to the file. The error wraps unix.EBADFD if
// no device is attached.
func (f *File) Name() (string, error) {
	req, err := unix.NewIfreq("")
	if err != nil {
		return "", fmt.Errorf("TUNGETIFF: %w", err)
	}
	if err := eintr.Retry(func() error { return unix.IoctlIfreq(f.fd, unix.TUNGETIFF, req) }); err != nil {
		return "", fmt.Errorf("TUNGETIFF: %w", err)
	}
	return req.Name(), nil
}

// Persist makes the device persistent, so that it remains after Close. The error wraps unix.EBADFD
// if another process has deleted the device.
func (f *File) Persist() error {
	if err := f.set(unix.TUNSETPERSIST, 1); err != nil {
		return fmt.Errorf("TUNSETPERSIST: %w", err)
	}
	return nil
}

// Release makes the device non-persistent again.
func (f *File) Release() error {
	if err := f.set(unix.TUNSETPERSIST, 0); err != nil {
		return fmt.Errorf("TUNSETPERSIST: %w", err)
	}
	return nil
}

// Close closes the file. The kernel then deletes the device, unless it is persistent or another
// process has a queue of it. Close returns no error: the driver has no flush operation that could
// fail, and Linux frees the descriptor in any case.
func (f *File) Close() {
	if f.fd >= 0 {
		_ = unix.Close(f.fd)
		f.fd = -1
	}
}

// set calls an ioctl with an integer argument.
func (f *File) set(request uint, value int) error {
	return eintr.Retry(func() error { return unix.IoctlSetInt(f.fd, request, value) })
}
