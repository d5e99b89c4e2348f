package hostile

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mountFUSE mounts a file system that never answers at a directory of the pod's mount namespace: fuse DIRECTORY [init]. With init it
// answers the first request, FUSE_INIT, without which the kernel sends no other.
func mountFUSE(args []string, ready func(), stop <-chan struct{}) (report, error) {
	fuse, err := silentFUSE(args[0], unix.S_IFDIR)
	if err != nil {
		return nil, err
	}
	defer fuse.Close()
	if len(args) > 1 {
		if err := answerInit(fuse); err != nil {
			return nil, err
		}
	}
	ready()
	<-stop
	return report{"mounts": 1}, nil
}

// silentFUSE mounts a FUSE file system whose root has that type. It answers no request as long as the returned file is open.
func silentFUSE(target string, rootType uint32) (*os.File, error) {
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	options := fmt.Sprintf("fd=%d,rootmode=%o,user_id=0,group_id=0", fuse.Fd(), rootType)
	if err := unix.Mount("silent", target, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		fuse.Close()
		return nil, fmt.Errorf("mount FUSE at %s: %w", target, err)
	}
	return fuse, nil
}

// answerInit answers FUSE_INIT with the version that the kernel asks for (include/uapi/linux/fuse.h).
func answerInit(fuse *os.File) error {
	const (
		opcodeInit                    = 26
		inHeader, outHeader, initSize = 40, 16, 64
	)
	request := make([]byte, 1<<20)
	n, err := unix.Read(int(fuse.Fd()), request)
	if err != nil {
		return fmt.Errorf("read FUSE_INIT: %w", err)
	}
	if opcode := binary.NativeEndian.Uint32(request[4:]); n < inHeader+16 || opcode != opcodeInit {
		return fmt.Errorf("read %d bytes of request %d, want FUSE_INIT", n, opcode)
	}
	answer := make([]byte, outHeader+initSize)
	binary.NativeEndian.PutUint32(answer, uint32(len(answer)))
	copy(answer[8:], request[8:16])                              // unique
	copy(answer[outHeader:], request[inHeader:inHeader+12])      // major, minor, max_readahead
	binary.NativeEndian.PutUint32(answer[outHeader+20:], 64<<10) // max_write
	if _, err := unix.Write(int(fuse.Fd()), answer); err != nil {
		return fmt.Errorf("answer FUSE_INIT: %w", err)
	}
	return nil
}
