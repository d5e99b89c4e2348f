// Package tuntap makes tap devices through /dev/net/tun and its ioctls
// (Linux Documentation/networking/tuntap.rst). It knows no CNI and no netlink.
package tuntap

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// Path is where the kernel's driver is reached.
const Path = "/dev/net/tun"

// Errors that a caller decides by.
var (
	// ErrExists: an interface already bears the name.
	ErrExists = errors.New("an interface of that name exists")
	// ErrNoDriver: there is no /dev/net/tun, or nothing behind it.
	ErrNoDriver = errors.New("the tun driver is not there")
	// ErrLacks: the driver is too old.
	ErrLacks = errors.New("the tun driver lacks")
)

// File is an open /dev/net/tun. A device that is created through it belongs to
// the network namespace in which it was opened, and lives as long as it is open
// unless [File.Persist] is called.
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

// Supports asks the driver for the flags that Create will use (TUNGETFEATURES);
// ErrLacks is in the chain where one of them is missing.
func (f *File) Supports(multiQueue bool) error {
	var features int
	err := eintr.Retry(func() error {
		var err error
		features, err = unix.IoctlGetInt(f.fd, unix.TUNGETFEATURES)
		return err
	})
	switch {
	case errors.Is(err, unix.ENOTTY): // another device, or a file
		return fmt.Errorf("%s: TUNGETFEATURES: %w: %w", Path, err, ErrNoDriver)
	case err != nil:
		return fmt.Errorf("TUNGETFEATURES: %w", err)
	}
	needed := flags(multiQueue) &^ unix.IFF_TUN_EXCL // which the driver does not list
	if missing := int(needed) &^ features; missing != 0 {
		return fmt.Errorf("TUNGETFEATURES: %w the flags %#x", ErrLacks, missing)
	}
	return nil
}

// flags are those of a new device. IFF_NO_PI and IFF_VNET_HDR are what VMMs use;
// every attach sets its own anew.
func flags(multiQueue bool) uint16 {
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
	if multiQueue {
		flags |= unix.IFF_MULTI_QUEUE
	}
	return flags
}

// Inherited is the File of a descriptor that another process opened.
func Inherited(fd int) *File { return &File{fd: fd} }

// Fd is the descriptor, valid until Close.
func (f *File) Fd() int { return f.fd }

// Options say what the device shall be.
type Options struct {
	Name       string  // final, at most 15 bytes
	MultiQueue bool    // IFF_MULTI_QUEUE: whoever attaches must use the same flag
	Owner      *uint32 // user who may attach, an ID of the caller's user namespace; nil: not restricted to a user
	Group      *uint32 // group that may attach; nil: not restricted to a group
}

// Create makes the device and sets its owner and group in the very next calls:
// until then whoever can open /dev/net/tun in the namespace may attach to a
// multi-queue tap (a single-queue one has no room for a second queue).
//
// Errors: ErrExists if the name is taken; unix.EPERM without CAP_NET_ADMIN in the
// user namespace that owns the network namespace. After an error the device
// may exist until Close. Source: Linux 6.12, drivers/net/tun.c, tun_set_iff.
func (f *File) Create(o Options) error {
	req, err := unix.NewIfreq(o.Name)
	if err != nil {
		return fmt.Errorf("name %q: %w", o.Name, err)
	}
	req.SetUint16(flags(o.MultiQueue))
	err = eintr.Retry(func() error { return unix.IoctlIfreq(f.fd, unix.TUNSETIFF, req) })
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("TUNSETIFF: %w; %w", err, ErrExists)
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
		return fmt.Errorf("TUNSETIFF: the kernel made %q of the name %q", name, o.Name)
	}
	return nil
}

// Reset puts the device back to what it was when it was created, in all that an
// attached process can change for the others and that [File.Create] does not set.
// The device must be down, and ours alone. A setting that this kernel does not
// have (unix.EINVAL) nobody can have changed.
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

// Name asks the kernel which device is attached to the file; unix.EBADFD: none.
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

// Persist makes the device outlive the file. It fails with unix.EBADFD where
// somebody deleted the device meanwhile.
func (f *File) Persist() error {
	if err := f.set(unix.TUNSETPERSIST, 1); err != nil {
		return fmt.Errorf("TUNSETPERSIST: %w", err)
	}
	return nil
}

// Release undoes Persist.
func (f *File) Release() error {
	if err := f.set(unix.TUNSETPERSIST, 0); err != nil {
		return fmt.Errorf("TUNSETPERSIST: %w", err)
	}
	return nil
}

// Close gives the device back to the kernel unless it is persistent, or
// another process has a queue of it. It reports nothing: the driver has no
// flush that could fail, and Linux frees the descriptor whatever it returns.
func (f *File) Close() {
	if f.fd >= 0 {
		_ = unix.Close(f.fd)
		f.fd = -1
	}
}

func (f *File) set(request uint, value int) error {
	return eintr.Retry(func() error { return unix.IoctlSetInt(f.fd, request, value) })
}
