package cni

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// FDWriter writes to a file descriptor. If the reader of a pipe is gone, Write returns an error, so that the
// verb can be undone. [os.Stdout] would end the process with SIGPIPE (os/signal, "SIGPIPE"); preventing that
// costs two threads.
type FDWriter int

// Standard output and standard error.
const (
	Stdout FDWriter = 1
	Stderr FDWriter = 2
)

// Write writes all of data or returns an error.
func (w FDWriter) Write(data []byte) (int, error) {
	written := 0
	for written < len(data) {
		n := 0
		err := eintr.Retry(func() error {
			var err error
			n, err = unix.Write(int(w), data[written:])
			return err
		})
		if errors.Is(err, unix.EAGAIN) { // the runtime set O_NONBLOCK
			n = 0
			_, err = w.waitWritable(-1)
		}
		if err != nil {
			return written, fmt.Errorf("write to descriptor %d: %w", w, err)
		}
		written += n
	}
	return written, nil
}

// HasRoom reports whether length bytes can be written without waiting for the reader: a pipe that is writable
// accepts up to PIPE_BUF bytes at once (pipe(7)).
func (w FDWriter) HasRoom(length int) bool {
	const pipeBuf = 4096
	if length > pipeBuf {
		return false
	}
	ready, err := w.waitWritable(0)
	return err == nil && ready // after an error the caller waits, which a signal can interrupt
}

// waitWritable reports whether w becomes writable within timeout, in milliseconds; -1 waits without limit.
func (w FDWriter) waitWritable(timeout int) (bool, error) {
	ready := 0
	err := eintr.Retry(func() error {
		var err error
		ready, err = unix.Poll([]unix.PollFd{{Fd: int32(w), Events: unix.POLLOUT}}, timeout)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("poll descriptor %d: %w", w, err)
	}
	return ready > 0, nil
}
