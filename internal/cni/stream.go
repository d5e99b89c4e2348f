package cni

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tap/internal/eintr"
)

// Stream is standard output or standard error. Where nobody reads it, writing
// fails, which can be undone or passed over; [os.Stdout] would end the process
// (os/signal, "SIGPIPE"), or cost two threads to prevent that.
type Stream int

// The streams of the process.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

// Write writes everything, or returns an error.
func (s Stream) Write(data []byte) (int, error) {
	written := 0
	for written < len(data) {
		n := 0
		err := eintr.Retry(func() error {
			var err error
			n, err = unix.Write(int(s), data[written:])
			return err
		})
		if errors.Is(err, unix.EAGAIN) { // the runtime made the stream so
			n = 0
			_, err = s.writable(-1)
		}
		if err != nil {
			return written, fmt.Errorf("write to descriptor %d: %w", s, err)
		}
		written += n
	}
	return written, nil
}

// Takes says whether so many bytes can be written without waiting for a reader: a
// pipe that has room takes this many at once (pipe(7), PIPE_BUF).
func (s Stream) Takes(length int) bool {
	const pipeBuf = 4096
	if length > pipeBuf {
		return false
	}
	ready, err := s.writable(0)
	return err == nil && ready // where that cannot be told, waiting can be interrupted
}

// writable waits for a number of milliseconds, -1: for ever.
func (s Stream) writable(patience int) (bool, error) {
	ready := 0
	err := eintr.Retry(func() error {
		var err error
		ready, err = unix.Poll([]unix.PollFd{{Fd: int32(s), Events: unix.POLLOUT}}, patience)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("poll descriptor %d: %w", s, err)
	}
	return ready > 0, nil
}
